// The page: which view is shown, who may do what, and whether the connection stands.
import { status } from './api.js';
import { address, go, state, watch } from './address.js';
import * as browse from './browse.js';
import * as cleanup from './cleanup.js';
import { element, fill } from './dom.js';
import { hangUp, listen } from './events.js';
import * as health from './health.js';
import { help, onKey } from './keys.js';
import { SILENT } from './problem.js';
import { learn } from './rights.js';
import * as timeline from './timeline.js';
import { failed, undoLast } from './toast.js';
import * as transfer from './transfer.js';

const VIEWS = { memories: browse, timeline, cleanup, transfer, health };
const TITLES = { memories: 'Memories', timeline: 'Time line', cleanup: 'Clean up', transfer: 'Import & export', health: 'Health' };
const SIGNS = { live: 'live', lost: 'connection lost, trying again', out: 'signed out' };
const content = document.getElementById('content');
const kept = {}; // by the view, the state that it was left in
let [shown, view, lost] = ['', null, false];

function show(of) {
  const name = Object.hasOwn(VIEWS, of.view) ? of.view : 'memories';
  if (name !== shown) {
    view?.close?.();
    fill(content);
    content.dataset.view = name;
    shown = name;
    view = VIEWS[name].open(content);
  }
  kept[name] = of;
  document.title = `${TITLES[name]} · memmux`;
  for (const link of document.querySelectorAll('.views a')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    const there = link.dataset.view === name ? null : kept[link.dataset.view];
    link.setAttribute('href', address(there ?? { view: link.dataset.view }));
  }
  Promise.resolve(view.update(of)).catch(failed);
}

function visit(name) {
  if (name !== shown) go(kept[name] ?? { view: name }, { fresh: true });
}

function turnTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const root = document.documentElement;
  const next = (root.dataset.theme ?? (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
  root.dataset.theme = next;
  try {
    localStorage.setItem('theme', next);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  dispatchEvent(new CustomEvent('theme-changed'));
}

function signedOut() {
  hangUp();
  view?.close?.();
  view = null;
  shown = 'signed-out';
  fill(document.getElementById('toasts'));
  const words = 'This page is for the owner of this machine, and its link works once. Get another one in a terminal:';
  const command = element('pre', { class: 'command' }, 'memmux web');
  fill(content, element('section', { class: 'empty gate' }, element('h1', {}, 'Not signed in'), element('p', {}, words), command));
}

document.getElementById('theme').addEventListener('click', turnTheme);
document.getElementById('help').addEventListener('click', help);
addEventListener('signed-out', signedOut);
addEventListener('connection-changed', ({ detail }) => {
  const sign = document.getElementById('connection');
  sign.className = `connection ${detail}`;
  fill(sign, element('span', { class: 'dot', 'aria-hidden': 'true' }), SIGNS[detail]);
  sign.title = detail === 'lost' ? SILENT : '';
  if (detail === 'live' && lost && view) show(state()); // what could not be read meanwhile
  lost = detail === 'lost';
});
onKey((key) => {
  const views = Object.keys(VIEWS);
  if (key === '?') help();
  else if (key === 'u') undoLast();
  else if (key >= '1' && key <= String(views.length)) visit(views[Number(key) - 1]);
  else if (key === '/' && state().view !== 'memories') visit('memories');
  else return view?.key?.(key) ?? false;
  if (key === '/') document.querySelector('input[type=search]')?.focus();
  return true;
});

async function begin() {
  try {
    learn(await status());
  } catch (error) {
    if (error.status === 401) return;
    if (error.status !== 403) failed(error);
  }
  watch(show);
  show(state());
  listen();
}

begin();
