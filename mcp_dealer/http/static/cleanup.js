// What is there twice, and what a newer version has replaced: each is shown before it goes, and can be brought back.
import { cleanUp, duplicates, superseded } from './api.js';
import { address } from './address.js';
import { difference } from './diff.js';
import { button, element, fill, said } from './dom.js';
import { may } from './rights.js';
import { done, failed } from './toast.js';
import { ago, beginning, counted } from './words.js';

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
    let groups;
    try {
      groups = await this.find();
    } catch (error) {
      fill(this.body, element('p', { class: 'wrong' }, `${error.title ?? 'It can’t be read'}: ${error.detail ?? error.message}`));
      return;
    }
    const count = groups.reduce((sum, group) => sum + group.others.length, 0);
    fill(this.all, count > 1 && may('write') && button(`Delete all ${count}`, () => this.#clean(groups), { class: 'danger' }));
    if (groups.length === 0) {
      fill(this.body, element('p', { class: 'empty small' }, this.kind === 'duplicates' ? 'Nothing is there twice.' : 'Nothing is superseded.'));
      return;
    }
    fill(this.body, groups.slice(0, 100).map((group) => this.#group(group)), groups.length > 100 && element('p', { class: 'muted' }, `and ${counted(groups.length - 100, 'more', 'more')}`));
  }

  #group(group) {
    const { keep, others } = group;
    const title = (memory, word) => element('div', { class: 'which' }, element('span', { class: `mark ${word}` }, word === 'stays' ? 'stays' : 'goes'), element('a', { href: address({ view: 'memories', memory: memory.id }), dir: 'auto' }, beginning(memory.content, 140)), element('span', { class: 'muted' }, ago(memory.created), memory.namespace !== 'default' && [' · ', said(memory.namespace)]));
    const preview = others.map((other) => [title(other, 'goes'), element('details', {}, element('summary', {}, 'What is different'), difference(other.content, keep?.content ?? ''))]);
    return element('article', { class: 'group' }, keep && title(keep, 'stays'), preview, may('write') && element('div', { class: 'actions' }, button(others.length > 1 ? `Delete ${others.length}` : 'Delete', () => this.#clean([group]), { class: 'quiet', 'aria-label': `Delete ${counted(others.length, 'memory', 'memories')} like “${beginning((keep ?? others[0]).content, 60)}”` })));
  }

  async #clean(groups) {
    try {
      const { count, seqs } = await cleanUp(groups, (far) => fill(this.all, element('span', { class: 'muted' }, `${far} deleted`)));
      done(`Deleted ${counted(count, 'memory', 'memories')}`, seqs);
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      failed(error);
    }
  }
}
