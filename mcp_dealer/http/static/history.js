// What happened to a memory, newest first, each change as a difference.
import { undo } from './api.js';
import { difference } from './diff.js';
import { button, element, said } from './dom.js';
import { done, failed } from './toast.js';
import { ago, whole } from './words.js';

// Return the changes as elements; now: the memory as it is, null where it is deleted; undone: whether each can be.
export function drawHistory(changes, now, undone) {
  const items = changes.map((change, index) => {
    const after = index === 0 ? now : changes[index - 1].before;
    return element('li', {}, head(change, undone), body(change.before, after));
  });
  return element('ol', { class: 'history', 'aria-label': 'History, newest first' }, items);
}

function head(change, undone) {
  const back = async () => {
    try {
      const answer = await undo(change.seq);
      done(`Change ${change.seq} undone`, answer.seqs);
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      failed(error);
    }
  };
  return element(
    'div',
    { class: 'change' },
    element('strong', {}, change.did || change.operation),
    element('span', {}, ' by ', said(change.client), ' '),
    element('time', { datetime: change.at, title: whole(change.at) }, ago(change.at)),
    element('span', { class: 'seq' }, `change ${change.seq}`),
    change.request && element('a', { class: 'seq', href: `/?view=health&request=${encodeURIComponent(change.request)}` }, 'its log'),
    undone && button('Undo', back, { class: 'quiet', 'aria-label': `Undo change ${change.seq}` }),
  );
}

function body(before, after) {
  if (!before && !after) return element('p', { class: 'muted' }, 'What it said then is not kept.');
  const parts = [];
  if (before?.content !== after?.content) parts.push(difference(before?.content ?? '', after?.content ?? ''));
  const lists = ['tags', 'type', 'metadata', 'superseded_by'];
  for (const name of lists) {
    const [old, next] = [words(before?.[name]), words(after?.[name])];
    if (old !== next && before && after) parts.push(element('div', { class: 'field-change' }, element('span', { class: 'label' }, name.replace('_', ' ')), difference(old, next)));
  }
  return parts.length ? parts : element('p', { class: 'muted' }, before && after ? 'Text, tags and metadata stayed as they were.' : '');
}

function words(value) {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value, null, 1).replace(/^\{\n?|\n?\}$/g, '') : String(value);
}
