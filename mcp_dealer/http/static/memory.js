// One memory: what it says, what is around it, and what can be done with it.
import { CHANGES, graph, history, memory as get, remove, similar, thread as threadOf, undo, update } from './api.js';
import { address, go, state } from './address.js';
import { button, element, fill, said } from './dom.js';
import { Editor, drafts, tagsOf } from './editor.js';
import { drawGraph } from './graph.js';
import { drawHistory } from './history.js';
import { plain, rendered } from './markdown.js';
import { sentence } from './problem.js';
import { may } from './rights.js';
import { done, failed, toast } from './toast.js';
import { ago, apart, beginning, bytes, number, short, whole } from './words.js';

const mayChange = () => may('write') && !state().asof; // what was is only looked at
const PARTS = [['', 'Text'], ['history', 'History'], ['graph', 'Graph']];
const until = (changes, asof) => changes.filter((change) => !asof || change.seq <= Number(asof));
const BRIEF = 110; // characters of a memory that is named
const VERSIONS = 12; // of a memory that its graph shows

export class MemoryPane {
  constructor() {
    this.root = element('article', { class: 'memory', 'aria-live': 'off' });
    this.raw = false;
    this.changed = ({ detail }) => this.#changedElsewhere(detail ?? []);
    addEventListener('memories-changed', this.changed);
  }

  // Show what the state says; returns when it is there.
  async show(of) {
    const wanted = [of.memory, of.show, of.namespace, of.asof].join('\n');
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    await this.#load(of);
  }

  key(key) {
    if (!this.memory || !state().memory) return false;
    if (key === 'e' && mayChange()) go({ show: 'edit' });
    else if (key === 'g' && !state().asof) go({ show: state().show === 'graph' ? '' : 'graph' });
    else if (key === 't' && mayChange()) this.root.querySelector('.retag')?.focus();
    else if (key === '#' && mayChange()) this.#delete();
    else if (key === 'Escape' && state().show) go({ show: '' });
    else return false;
    return true;
  }

  close() {
    removeEventListener('memories-changed', this.changed);
  }

  async #load(of) {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    if (!of.memory) {
      this.memory = null;
      fill(this.root, element('p', { class: 'empty small' }, 'Choose a memory to read it: ', element('kbd', {}, 'j'), ' ', element('kbd', {}, 'k'), ' ', element('kbd', {}, 'Enter')));
      return;
    }
    try {
      const found = await get(of.memory, signal, of.asof);
      if (signal.aborted) return;
      const fresh = this.memory?.id !== found.id;
      this.memory = found;
      this.#draw(of, signal);
      if (fresh) this.root.parentElement.scrollTop = 0;
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.memory = null;
      await this.#absent(of, error, signal);
    }
  }

  // What is deleted still has its history, which brings it back.
  async #absent(of, error, signal) {
    const back = element('a', { class: 'back', href: address({ ...of, memory: '', show: '' }) }, '← all memories');
    if (error.status !== 404) {
      fill(this.root, back, element('div', { class: 'empty' }, element('h2', {}, 'It can’t be read'), element('p', {}, sentence(error))));
      return;
    }
    const changes = await history(of.memory, signal).catch(() => []);
    if (signal.aborted) return;
    if (changes.length === 0) {
      fill(this.root, back, element('div', { class: 'empty' }, element('h2', {}, 'There is no such memory'), element('p', {}, 'It may be in a namespace that this key can’t see, or it was purged.')));
      return;
    }
    const [last] = changes;
    fill(
      this.root,
      back,
      element(
        'header',
        { class: 'head' },
        element('p', {}, element('strong', {}, 'Deleted '), element('time', { datetime: last.at, title: whole(last.at) }, ago(last.at)), ' by ', said(last.client)),
        element('div', { class: 'actions' }, may('write') && button('Restore', () => this.#restore(last), { class: 'primary' })),
      ),
      last.before && element('div', { class: 'content' }, rendered(last.before.content)),
      element('section', { class: 'former' }, element('h2', {}, 'History'), drawHistory(changes, null, false)),
    );
  }

  async #restore(deletion) {
    try {
      const answer = await undo(deletion.seq);
      done('Restored', answer.seqs);
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      failed(error);
    }
  }

  #draw(of, signal) {
    const { memory } = this;
    const part = of.show;
    const tabs = PARTS.filter(([name]) => !of.asof || name !== 'graph').map(([name, words]) => element('a', { href: address({ ...of, show: name }), 'aria-current': part === name ? 'page' : null }, words));
    fill(
      this.root,
      element('a', { class: 'back', href: address({ ...of, memory: '', show: '' }) }, '← all memories'),
      element(
        'header',
        { class: 'head' },
        element('nav', { class: 'tabs', 'aria-label': 'Parts of the memory' }, tabs),
        element('div', { class: 'actions' }, this.#actions(of)),
      ),
      of.asof && element('p', { class: 'banner' }, `As it was after change ${of.asof}. `, element('a', { href: address({ ...of, asof: '' }) }, 'See it now'), '.'),
      memory.superseded_by && element('p', { class: 'banner' }, 'A newer version has taken its place: ', this.#linkTo(memory.superseded_by, signal)),
    );
    const body = element('div', { class: 'body' });
    this.root.append(body);
    if (part === 'edit' && mayChange()) this.#edit(body);
    else if (part === 'history') this.#history(body, signal);
    else if (part === 'graph' && !of.asof) this.#graph(body, signal);
    else this.#text(body, signal);
  }

  #actions(of) {
    const { memory } = this;
    const copy = () => navigator.clipboard.writeText(memory.content).then(() => toast('Copied'), failed);
    return [
      of.show === '' && button(this.raw ? 'Rendered' : 'As written', () => ((this.raw = !this.raw), this.#draw(state(), this.asking.signal)), { class: 'quiet', 'aria-pressed': String(this.raw) }),
      button('Copy', copy, { class: 'quiet' }),
      mayChange() && of.show !== 'edit' && button(drafts.has(memory.id) ? 'Go on editing' : 'Edit', () => go({ show: 'edit' }), { title: 'e' }),
      mayChange() && button('Delete', () => this.#delete(), { class: 'danger', title: '#' }),
    ];
  }

  #text(body, signal) {
    const { memory } = this;
    fill(body, this.#tags(), element('div', { class: 'content' }, this.raw ? plain(memory.content) : rendered(memory.content)));
    const facts = element('dl', { class: 'facts' }, this.#facts(signal));
    const around = element('div', { class: 'around' });
    body.append(facts, around);
    this.#author(facts, signal);
    if (!state().asof) this.#around(around, signal).catch(() => {}); // what is around it is known only as it is now
  }

  #tags() {
    const { memory } = this;
    const of = state();
    const tag = (name) =>
      element(
        'span',
        { class: 'chip' },
        element('a', { href: address({ ...of, tag: [name], q: '' }) }, said(name)),
        mayChange() && button('×', () => this.#retag((tags) => tags.filter((one) => one !== name), `Took away the tag ${name}`), { 'aria-label': `Remove the tag ${name}` }),
      );
    const added = element('input', { class: 'retag', type: 'text', placeholder: '+ tag', 'aria-label': 'Add a tag', list: 'known-tags' });
    added.addEventListener('keydown', (event) => {
      const name = added.value.trim();
      if (event.key !== 'Enter' || !name) return;
      event.preventDefault();
      try {
        const names = tagsOf(name);
        this.#retag((tags) => [...tags, ...names], `Tagged ${names.join(', ')}`);
      } catch (error) {
        failed(error);
      }
    });
    return element('div', { class: 'chips tags' }, memory.type && element('span', { class: 'type' }, said(memory.type)), memory.tags.map(tag), mayChange() && added);
  }

  #facts(signal) {
    const { memory } = this;
    const of = state();
    const time = (at) => element('time', { datetime: at, title: ago(at) }, whole(at));
    const fact = (name, ...value) => [element('dt', {}, name), element('dd', {}, value)];
    return [
      fact('stored', time(memory.created), element('span', { class: 'author' })),
      memory.updated !== memory.created && fact('changed', time(memory.updated)),
      fact('namespace', element('a', { href: address({ ...of, namespace: memory.namespace, memory: memory.id }) }, said(memory.namespace))),
      memory.thread && fact('thread', said(memory.thread), memory.place !== null && ` · place ${memory.place}`),
      memory.supersedes && fact('takes the place of', this.#linkTo(memory.supersedes, signal)),
      memory.aliases.length > 0 && fact('also called', memory.aliases.map((name) => [said(name), ' '])),
      ...Object.entries(memory.metadata).map(([name, value]) => fact(said(name), said(typeof value === 'string' ? value : JSON.stringify(value), { class: 'value' }))),
      fact('id', element('code', { class: 'id' }, memory.id)),
      fact('size', bytes(new Blob([memory.content]).size)),
    ];
  }

  async #author(facts, signal) {
    const known = await history(this.memory.id, signal).catch(() => []);
    const changes = until(known, state().asof);
    const [first, last] = [changes.at(-1), changes[0]];
    if (!first || known.length >= CHANGES) return; // there may be older ones
    fill(facts.querySelector('.author'), ' by ', said(first.client), last.seq !== first.seq && [', last changed by ', said(last.client)]);
  }

  async #around(box, signal) {
    const { memory } = this;
    const [linked, near, mates] = await Promise.all([
      graph(memory.id, 1, signal).catch(() => ({ nodes: [], links: [] })),
      similar(memory, signal).catch(() => []),
      memory.thread ? threadOf(memory, signal).catch(() => []) : [],
    ]);
    if (signal.aborted) return;
    const item = (id, text, mark) => element('li', {}, element('a', { href: address({ ...state(), memory: id, show: '' }) }, element('span', { dir: 'auto' }, text)), element('span', { class: 'mark' }, mark));
    const told = apart([memory, ...near.map((hit) => hit.memory)].map((one) => one.content), BRIEF).map((text) => beginning(text, BRIEF)).slice(1);
    const links = linked.links.map((link) => {
      const outgoing = link.source === memory.id;
      const other = outgoing ? link.target : link.source;
      const node = linked.nodes.find((one) => one.id === other);
      return item(other, node?.memory ? beginning(node.memory.content, BRIEF) : 'not here any more', [outgoing ? '→ ' : '← ', said(link.relation || link.types.join(', ') || 'linked')]);
    });
    const section = (title, items) => items.length > 0 && element('section', {}, element('h2', {}, title), element('ul', { class: 'brief' }, items));
    fill(
      box,
      section('Links', links),
      section('In its thread', mates.map((one) => item(one.id, beginning(one.content, BRIEF), one.id === memory.id ? 'this one' : ago(one.created)))),
      section('Near relatives', near.map((hit, index) => item(hit.memory.id, told[index], `${Math.round(hit.similarity * 100)} %`))),
    );
  }

  #edit(body) {
    const editor = new Editor(this.memory, {
      onsaved: (now) => {
        if (!editor.root.isConnected) return; // somebody has gone elsewhere meanwhile
        this.memory = now;
        go({ memory: now.id, show: '' });
      },
      oncancelled: () => go({ show: '' }),
    });
    fill(body, editor.root);
    editor.focus();
  }

  async #history(body, signal) {
    fill(body, element('p', { class: 'waiting' }, '…'));
    const known = await history(this.memory.id, signal).catch((error) => (failed(error), []));
    const older = known.length >= CHANGES && element('p', { class: 'empty small' }, `Changes before the last ${number(CHANGES)} are not shown.`);
    if (!signal.aborted) fill(body, drawHistory(until(known, state().asof), this.memory, mayChange()), older);
  }

  async #graph(body, signal) {
    fill(body, element('p', { class: 'waiting' }, '…'));
    const [linked, near, versions] = await Promise.all([
      graph(this.memory.id, 2, signal).catch((error) => (failed(error), { nodes: [], links: [] })),
      similar(this.memory, signal).catch(() => []),
      this.#versions(signal),
    ]);
    if (!signal.aborted) fill(body, drawGraph(this.memory, linked, near, versions));
  }

  // Change the tags; of: what they become, of those that are there when it is done.
  async #retag(of, words) {
    try {
      let { memory } = this;
      const retried = async (error) => {
        if (error.status !== 412) throw error; // somebody else was quicker
        memory = await get(memory.id);
        return update(memory.id, { tags: of(memory.tags) }, memory.etag);
      };
      const answer = await update(memory.id, { tags: of(memory.tags) }, memory.etag).catch(retried);
      done(`${words}: “${beginning(memory.content, 40)}”`, [answer.seq]);
      await this.#again();
      this.root.querySelector('.retag')?.focus();
    } catch (error) {
      failed(error);
    }
  }

  async #delete() {
    const { memory } = this;
    let gone = false;
    this.going = memory.id;
    try {
      const answer = await remove(memory.id);
      gone = true;
      drafts.delete(memory.id);
      go({ memory: '', show: '' });
      done(`Deleted “${beginning(memory.content, 40)}”`, [answer.seq]);
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      failed(error);
    }
    if (this.going !== memory.id) return; // another one is being deleted by now
    this.going = null;
    if (!gone) this.#changedElsewhere([]); // what somebody else did meanwhile was not read
  }

  async #again() {
    if (state().memory) await this.#load(state());
  }

  #changedElsewhere(events) {
    const of = state();
    if (!of.memory || of.memory === this.going || (events.length > 0 && !events.some((one) => one.id === of.memory))) return;
    // What is being typed stays: the editor compares when it saves.
    if (!this.memory || (of.show !== 'edit' && !this.root.contains(document.activeElement?.closest?.('input')))) this.#again();
  }

  // Return a link to another version, which says how that differs once it is read.
  #linkTo(id, signal) {
    const link = element('a', { href: address({ ...state(), memory: id, show: '' }), dir: 'auto' }, element('code', {}, short(id)));
    const own = this.memory.content;
    get(id, signal).then((other) => fill(link, beginning(apart([other.content, own], 90)[0], 90), ` (${ago(other.created)})`)).catch(() => {});
    return link;
  }

  // Return the memories that it has replaced, one after the other, and those that have replaced it.
  async #versions(signal) {
    const found = [];
    for (const next of ['supersedes', 'superseded_by']) {
      for (let at = this.memory; at?.[next] && found.length < VERSIONS; ) {
        at = await get(at[next], signal).catch(() => null);
        if (at) found.push(at);
      }
    }
    return found;
  }
}
