// Keys, and the page that lists them.
import { button, element } from './dom.js';

const LISTED = [
  ['/', 'search'],
  ['j  ↓', 'next memory of the list'],
  ['k  ↑', 'memory before'],
  ['Enter', 'open the memory'],
  ['Esc', 'close what is open; leave a field'],
  ['e', 'edit the open memory'],
  ['t', 'change its tags'],
  ['#', 'delete it'],
  ['u', 'undo what was done here last'],
  ['g', 'its graph'],
  ['1 … 5', 'views, in their order'],
  ['Ctrl+Enter', 'save, while editing'],
  ['?', 'these keys'],
];
const handlers = [];

// Have a function asked for each key that is not typed into a field; it returns whether the key was its own.
export function onKey(handler) {
  handlers.unshift(handler);
  return () => handlers.splice(handlers.indexOf(handler), 1);
}

// Show which keys there are.
export function help() {
  const rows = LISTED.map(([keys, words]) => [
    element('dt', {}, keys.split('  ').map((key) => element('kbd', {}, key))),
    element('dd', {}, words),
  ]);
  dialog('Keys', [element('dl', { class: 'keys' }, rows)], [(close) => button('Close', close, { class: 'primary' })]);
}

// Show a dialog; actions: functions that are given `close`, and return a button. Returns `close`.
export function dialog(title, content, actions) {
  const before = document.activeElement;
  const close = () => box.close();
  const box = element(
    'dialog',
    { 'aria-label': title },
    element('h2', {}, title),
    element('div', { class: 'dialog-body' }, content),
    element('div', { class: 'actions' }, actions.map((made) => made(close))),
  );
  box.addEventListener('close', () => (box.remove(), before?.focus?.()));
  box.addEventListener('click', (event) => event.target === box && close());
  document.body.append(box);
  box.showModal();
  return close;
}

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  const field = event.target instanceof Element ? event.target.closest('input, textarea, select, [contenteditable]') : null;
  if (field) {
    if (event.key === 'Escape') field.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Enter' && event.target.closest?.('a, button, summary')) return;
  if (handlers.some((handler) => handler(event.key, event))) event.preventDefault();
});
