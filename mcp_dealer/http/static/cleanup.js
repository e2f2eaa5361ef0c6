// What is there twice, and what a newer version has replaced: each is shown before it goes, and can be brought back.
import { cleanUp, duplicates, newest, remove, status, superseded } from './api.js';
import { address } from './address.js';
import { difference } from './diff.js';
import { button, element, fill, said } from './dom.js';
import { dialog } from './keys.js';
import { sentence } from './problem.js';
import { may } from './rights.js';
import { deleting, failed, toast } from './toast.js';
import { ago, beginning, counted } from './words.js';

const memories = (count) => counted(count, 'memory', 'memories');
const waits = (count) => `Compared once there is a vector: ${memories(count)}.`;

export function open(root) {
  const twice = new Kind('Duplicates', 'Memories that say nearly the same. The one of each group that was created first stays.', duplicates, 'duplicates');
  const old = new Kind('Superseded', 'Versions that a newer one has taken the place of. Searches leave them out already.', superseded, 'superseded');
  fill(root, element('div', { class: 'view' }, element('header', { class: 'view-head' }, element('h1', {}, 'Clean up')), twice.root, old.root));
  const again = () => Promise.all([twice.show(), old.show()]).catch(failed);
  const told = ({ detail }) => detail.pending === 0 && twice.waiting && again();
  addEventListener('memories-changed', again);
  addEventListener('status-changed', told);
  return {
    update: again,
    close() {
      removeEventListener('memories-changed', again);
      removeEventListener('status-changed', told);
    },
  };
}

// waiting: how many memories had no vector yet when duplicates were looked for; turn: of the last look, whose answer is shown.
class Kind {
  waiting = 0;
  turn = 0;

  constructor(title, words, find, kind) {
    Object.assign(this, { find, kind, title });
    this.all = element('div', { class: 'actions' });
    this.notes = element('div', { class: 'notes' });
    this.body = element('div', { class: 'groups' });
    this.root = element('section', { class: 'card' }, element('div', { class: 'card-head' }, element('h2', {}, title), this.all), element('p', { class: 'muted' }, words), this.notes, this.body);
  }

  async show() {
    const turn = ++this.turn;
    let found;
    try {
      if (this.kind === 'duplicates') this.waiting = (await status()).pending ?? 0; // asked first: it may fall meanwhile
      found = await this.find();
    } catch (error) {
      if (turn === this.turn) fill(this.body, element('p', { class: 'wrong' }, sentence(error)));
      return;
    }
    if (turn !== this.turn) return;
    const { groups, more } = found;
    const told = [this.waiting > 0 && waits(this.waiting), ...found.notes].filter(Boolean);
    fill(this.notes, told.map((note) => element('p', {}, note)));
    const count = groups.reduce((sum, group) => sum + group.others.length, 0);
    if (!this.busy) fill(this.all, count > 1 && may('write') && button('Delete all…', () => this.#ask(), { class: 'danger' }));
    if (groups.length === 0) {
      const nothing = this.kind === 'superseded' ? 'Nothing is superseded.' : told.length > 0 ? 'Nothing else is there twice.' : 'Nothing is there twice.';
      fill(this.body, element('p', { class: 'empty small' }, nothing));
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
