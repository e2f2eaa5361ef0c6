// Words at the edge of the page that go by themselves, and what can be undone.
import { button, element } from './dom.js';
import { problemOf, undo } from './api.js';

const STAYS_MS = 12000;
const undoable = []; // of this page, the newest last: { words, ranges }

// Say something; action: [label, function], or none.
export function toast(words, action = null, kind = 'info') {
  const close = () => box.remove();
  const act = action && button(action[0], () => (close(), action[1]()), { class: 'link strong' });
  const box = element('div', { class: `toast ${kind}` }, element('span', {}, words), act, button('×', close, { class: 'icon', 'aria-label': 'Dismiss' }));
  const shown = document.getElementById('toasts');
  shown.append(box);
  while (shown.children.length > 3) shown.firstChild.remove();
  let left = setTimeout(close, STAYS_MS);
  const hold = () => clearTimeout(left);
  const letGo = () => (left = setTimeout(close, STAYS_MS));
  for (const name of ['mouseenter', 'focusin']) box.addEventListener(name, hold);
  for (const name of ['mouseleave', 'focusout']) box.addEventListener(name, letGo);
}

// Say that something failed: what, and what to do.
export function failed(error) {
  if (error?.name === 'AbortError') return;
  const { title, detail } = problemOf(error);
  toast(detail ? `${title}: ${detail}` : title, null, 'bad');
}

// Say what was done, with a way back; changes: those that it made, oldest first, each a number or the first and the last.
export function done(words, changes) {
  const ranges = joined(changes.map((one) => [one].flat()).filter(([seq]) => Number.isInteger(seq) && seq > 0));
  if (ranges.length === 0) {
    toast(words);
    return;
  }
  const entry = { words, ranges };
  undoable.push(entry);
  toast(words, ['Undo', () => takeBack(entry)]);
}

// Undo what this page did last.
export async function undoLast() {
  const entry = undoable.at(-1);
  if (entry) await takeBack(entry);
  else toast('There is nothing to undo here; a memory’s history undoes older changes.');
}

async function takeBack(entry) {
  const at = undoable.indexOf(entry);
  if (at >= 0) undoable.splice(at, 1);
  try {
    for (const [first, last] of [...entry.ranges].reverse()) await undo(first, last);
    toast(`Undone: ${entry.words}`);
  } catch (error) {
    failed(error);
  }
  dispatchEvent(new CustomEvent('memories-changed'));
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
