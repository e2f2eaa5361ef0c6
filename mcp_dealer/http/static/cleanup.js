// What is there twice, and what a newer version has replaced: each is shown before it goes, and can be brought back.
import { cleanUp, duplicates, newest, remove, superseded } from './api.js';
import { address } from './address.js';
import { difference } from './diff.js';
import { button, element, fill, said } from './dom.js';
import { dialog } from './keys.js';
import { sentence } from './problem.js';
import { may } from './rights.js';
import { deleting, failed, toast } from './toast.js';
import { ago, beginning, counted } from './words.js';

const memories = (count) => counted(count, 'memory', 'memories');

export function open(root) {
  const twice = new Kind('Duplicates', 'Memories that say nearly the same. The one of each group that was created first stays.', duplicates, 'duplicates');
  const old = new Kind('Superseded', 'Versions that a newer one has taken the place of. Searches leave them out already.', superseded, 'superseded');
  fill(root, element('div', { class: 'view' }, element('header', { class: 'view-head' }, element('h1', {}, 'Clean up')), twice.root, old.root));
  const again = () => Promise.all([twice.show(), old.show()]).catch(failed);
  addEventListener('memories-changed', again);
  return { update: again, close: () => removeEventListener('memories-changed', again) };
}

class Kind {
  constructor(title, words, find, kind) {
    Object.assign(this, { find, kind, title });
    this.all = element('div', { class: 'actions' });
    this.body = element('div', { class: 'groups' });
    this.root = element('section', { class: 'card' }, element('div', { class: 'card-head' }, element('h2', {}, title), this.all), element('p', { class: 'muted' }, words), this.body);
  }

  async show() {
    let found;
    try {
      found = await this.find();
    } catch (error) {
      fill(this.body, element('p', { class: 'wrong' }, sentence(error)));
      return;
    }
    const { groups, more } = found;
    const count = groups.reduce((sum, group) => sum + group.others.length, 0);
    if (!this.busy) fill(this.all, count > 1 && may('write') && button('Delete all…', () => this.#ask(), { class: 'danger' }));
    if (groups.length === 0) {
      fill(this.body, element('p', { class: 'empty small' }, this.kind === 'duplicates' ? 'Nothing is there twice.' : 'Nothing is superseded.'));
      return;
    }
    fill(this.body, groups.slice(0, 100).map((group) => this.#group(group)), (more || groups.length > 100) && element('p', { class: 'muted' }, 'There are more; they follow when these are gone.'));
  }

  #group(group) {
    const { keep, others } = group;
    const title = (memory, word) => element('div', { class: 'which' }, element('span', { class: `mark ${word}` }, word === 'stays' ? 'stays' : 'goes'), element('a', { href: address({ view: 'memories', memory: memory.id }), dir: 'auto' }, beginning(memory.content, 140)), element('span', { class: 'muted' }, ago(memory.created), memory.namespace !== 'default' && [' · ', said(memory.namespace)]));
    const preview = others.map((other) => [title(other, 'goes'), element('details', {}, element('summary', {}, 'What is different'), difference(other.content, keep?.content ?? ''))]);
    return element('article', { class: 'group' }, keep && title(keep, 'stays'), preview, may('write') && element('div', { class: 'actions' }, button(others.length > 1 ? `Delete ${others.length}` : 'Delete', () => this.#clean(others.map((one) => one.id), () => removed(others)), { class: 'quiet', 'aria-label': `Delete ${memories(others.length)} like “${beginning((keep ?? others[0]).content, 60)}”` })));
  }

  // Say how many there are before they go: those on the page may be only the first.
  async #ask() {
    try {
      const { ids, states } = await cleanUp(this.kind);
      if (ids.length === 0) return toast('There is nothing to delete any more.');
      const words = `${memories(ids.length)} of all namespaces ${ids.length === 1 ? 'goes' : 'go'}. Undo brings them back together.`;
      const go = (close) => button(`Delete ${memories(ids.length)}`, () => (close(), this.#clean(ids, () => this.#all(states))), { class: 'danger' });
      dialog(this.kind === 'duplicates' ? 'Delete all duplicates?' : 'Delete all superseded versions?', element('p', {}, words), [go, (close) => button('Cancel', close)]);
    } catch (error) {
      failed(error);
    }
  }

  async #all(states) {
    const { seqs, left } = await cleanUp(this.kind, states);
    stays(left.length);
    return seqs;
  }

  async #clean(ids, act) {
    if (this.busy) return;
    this.busy = true;
    fill(this.all, element('span', { class: 'muted' }, `Deleting ${memories(ids.length)} …`));
    try {
      await deleting((count) => `Deleted ${memories(count)}`, ids, await newest(), act);
    } catch (error) {
      failed(error);
    }
    this.busy = false;
    dispatchEvent(new CustomEvent('memories-changed'));
  }
}

async function removed(memories) {
  const seqs = [];
  let changed = 0;
  for (const { id, etag } of memories) {
    const answer = await remove(id, etag).catch((error) => ([404, 412].includes(error.status) ? ((changed += error.status === 412), null) : Promise.reject(error)));
    if (answer) seqs.push(answer.seq);
  }
  stays(changed);
  return seqs;
}

function stays(count) {
  if (count) toast(`${memories(count)} changed since ${count === 1 ? 'stays' : 'stay'}: look again.`);
}
