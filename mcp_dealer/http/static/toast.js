// Words at the edge of the page that go by themselves, and what can be undone.
import { button, element } from './dom.js';
import { deletions, undo, undoAll } from './api.js';
import { sentence } from './problem.js';

const STAYS_MS = 12000;
const KEY = 'undoable';
const KEPT = 30; // actions that can be undone
const toasts = new Map(); // by the action, what says it
// What this tab did, the newest last, kept over a reload: words, and ranges of changes, or seqs; or ids and after:
// memories whose deletion began after that change, and of which no answer has come.
const undoable = kept();

// Say something; action: [label, function], or none.
export function toast(words, action = null, kind = 'info') {
  const close = () => box.remove();
  const act = action && button(action[0], () => (close(), action[1]()), { class: 'link strong' });
  const box = element('div', { class: `toast ${kind}` }, element('span', {}, words), act, button('×', close, { class: 'icon', 'aria-label': 'Dismiss' }));
  const shown = document.getElementById('toasts');
  if (!action) [...shown.children].find((one) => one.className === box.className && one.firstChild.textContent === words)?.remove();
  shown.append(box);
  while (shown.children.length > 3) shown.firstChild.remove();
  let left = setTimeout(close, STAYS_MS);
  const hold = () => clearTimeout(left);
  const letGo = () => {
    hold();
    left = setTimeout(() => box.matches(':hover, :focus-within') || close(), STAYS_MS); // the other one may be there yet
  };
  for (const name of ['mouseenter', 'focusin']) box.addEventListener(name, hold);
  for (const name of ['mouseleave', 'focusout']) box.addEventListener(name, letGo);
  return box;
}

// Say that something failed: what, and what to do. Who is signed out is told so by the whole page.
export function failed(error) {
  if (error?.name !== 'AbortError' && error?.status !== 401) toast(sentence(error), null, 'bad');
}

// Say what was done, with a way back; changes: those that it made, oldest first, each a number or the first and the last.
export function done(words, changes) {
  const ranges = joined(changes.map((one) => [one].flat()).filter(([seq]) => Number.isInteger(seq) && seq > 0));
  if (ranges.length === 0) toast(words);
  else offer(remember({ words, ranges }));
}

// Do what deletes memories, so that it can be undone even if its answer never comes; after: the newest change before it.
export async function deleting(words, ids, after, act) {
  const entry = remember({ words: words(ids.length), ids, after });
  const seqs = await act();
  Object.assign(entry, { words: words(seqs.length), seqs, ids: undefined });
  if (seqs.length) offer(entry);
  else forget(entry);
  keep();
}

// Undo what this tab did last.
export async function undoLast() {
  const entry = undoable.at(-1);
  if (entry) await takeBack(entry);
  else toast('There is nothing to undo here; a memory’s history undoes older changes.');
}

function offer(entry) {
  toasts.set(entry, toast(entry.words, ['Undo', () => takeBack(entry)]));
}

async function takeBack(entry) {
  if (!undoable.includes(entry)) return;
  forget(entry);
  toasts.get(entry)?.remove();
  try {
    const left = await undone(entry);
    if (left === null) toast('Nothing was changed, so there is nothing to undo.');
    else toast(left ? `Undone: ${entry.words}. What changed or came back since, ${left}, stays.` : `Undone: ${entry.words}`);
  } catch (error) {
    if (error instanceof TypeError || error.status >= 500) remember(entry); // it may succeed later
    failed(error);
  }
  dispatchEvent(new CustomEvent('memories-changed'));
}

async function undone({ ranges, seqs, ids, after }) {
  if (!ranges) {
    const meant = seqs ?? (await deletions(ids, after));
    return meant.length ? (await undoAll(meant)).left : null;
  }
  let left = 0;
  for (const [first, last] of [...ranges].reverse()) left += (await undo(first, last)).left;
  return left;
}

function remember(entry) {
  undoable.push(entry);
  undoable.splice(0, undoable.length - KEPT);
  keep();
  return entry;
}

function forget(entry) {
  const at = undoable.indexOf(entry);
  if (at >= 0) undoable.splice(at, 1);
  keep();
}

function keep() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(undoable));
  } catch {
    // Storage may be forbidden or full; then it lasts as long as the page.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

// Return the ranges with those that follow each other as one.
function joined(ranges) {
  const found = [];
  for (const [first, last = first] of ranges) {
    const before = found.at(-1);
    if (before && before[1] + 1 === first) before[1] = last;
    else found.push([first, last]);
  }
  return found;
}
