// Changing a memory. What is typed outlives every failure, and what somebody else wrote meanwhile is never lost.
import { memory as get, update } from './api.js';
import { difference } from './diff.js';
import { button, element, fill, labelled } from './dom.js';
import { sentence } from './problem.js';
import { done } from './toast.js';
import { beginning } from './words.js';

const DRAFT = 'draft:'; // before a memory's id
const TAG_CHARACTERS = 128;
const pretty = (metadata) => (Object.keys(metadata).length ? JSON.stringify(metadata, null, 2) : '');
// By the field, what is written there of a memory.
const WRITTEN = { content: (one) => one.content, tags: (one) => one.tags.join(', '), type: (one) => one.type ?? '', metadata: (one) => pretty(one.metadata) };
const unkept = new Map(); // where the browser keeps nothing

// By the memory's id, what was typed and what it began with. The browser keeps it, so that it outlives a reload.
export const drafts = {
  get(id) {
    try {
      return unkept.get(id) ?? JSON.parse(localStorage.getItem(DRAFT + id)) ?? undefined;
    } catch {
      return undefined;
    }
  },
  has: (id) => drafts.get(id) !== undefined,
  set(id, draft) {
    unkept.delete(id);
    try {
      localStorage.setItem(DRAFT + id, JSON.stringify(draft));
    } catch {
      unkept.set(id, draft); // storage is forbidden or full
    }
  },
  delete(id) {
    unkept.delete(id);
    try {
      localStorage.removeItem(DRAFT + id);
    } catch {
      // Then nothing is kept.
    }
  },
};
addEventListener('beforeunload', (event) => unkept.size && event.preventDefault());

// Return the tags of a text with commas between them, each once; throws an error that says which is too long.
export function tagsOf(text) {
  const tags = [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))];
  const long = tags.find((tag) => Array.from(tag).length > TAG_CHARACTERS);
  if (long) throw new Error(`The tag “${beginning(long, 30)}” has ${Array.from(long).length} characters; a tag may have ${TAG_CHARACTERS} at most`);
  return tags;
}

export class Editor {
  constructor(memory, { onsaved, oncancelled }) {
    const draft = drafts.get(memory.id);
    Object.assign(this, { memory, base: draft?.base ?? memory, onsaved, oncancelled });
    const from = draft ?? Object.fromEntries(Object.entries(WRITTEN).map(([name, of]) => [name, of(memory)]));
    this.content = element('textarea', { rows: 14, dir: 'auto', spellcheck: 'true', required: true });
    this.content.value = from.content;
    this.tags = element('input', { type: 'text', list: 'known-tags' });
    this.tags.value = from.tags;
    this.type = element('input', { type: 'text' });
    this.type.value = from.type;
    this.metadata = element('textarea', { rows: 4, spellcheck: 'false', class: 'code' });
    this.metadata.value = from.metadata;
    this.wrong = element('p', { class: 'wrong', role: 'alert' });
    this.conflict = element('div', { class: 'conflict' });
    this.root = element(
      'form',
      { class: 'editor', 'aria-label': 'Edit the memory', onsubmit: (event) => (event.preventDefault(), this.#save()) },
      this.conflict,
      labelled('Text', this.content, 'Markdown'),
      element('div', { class: 'pair' }, labelled('Tags', this.tags, 'with commas between them'), labelled('Type', this.type)),
      labelled('Metadata', this.metadata, 'a JSON object'),
      this.wrong,
      element(
        'div',
        { class: 'actions' },
        element('button', { type: 'submit', class: 'primary' }, 'Save'),
        button('Cancel', () => this.#cancel()),
      ),
    );
    this.root.addEventListener('input', () => this.#keep());
    this.root.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.root.requestSubmit();
      }
    });
  }

  focus() {
    this.content.focus({ preventScroll: true });
  }

  #typed() {
    return { base: this.base, content: this.content.value, tags: this.tags.value, type: this.type.value, metadata: this.metadata.value };
  }

  // Whether a field shows what a memory has there. A field has line feeds only, and a tag may hold a comma.
  #shows(name, memory) {
    return this[name].value === Object.assign(this[name].cloneNode(), { value: WRITTEN[name](memory) }).value;
  }

  #keep() {
    const same = Object.keys(WRITTEN).every((name) => this.#shows(name, this.base));
    if (same) drafts.delete(this.memory.id);
    else drafts.set(this.memory.id, this.#typed());
  }

  #cancel() {
    drafts.delete(this.memory.id);
    this.oncancelled();
  }

  async #save() {
    if (this.root.inert) return; // it is being saved
    let changes;
    try {
      changes = this.#changes();
    } catch (error) {
      fill(this.wrong, error.message);
      error.field.focus();
      return;
    }
    if (Object.keys(changes).length === 0) {
      this.#cancel();
      return;
    }
    const focused = document.activeElement;
    this.root.inert = true; // what is typed from now on would be lost
    try {
      const answer = await update(this.memory.id, changes, this.base.etag);
      drafts.delete(this.memory.id);
      done(`Saved “${beginning(this.content.value, 40)}”`, [answer.seq]);
      this.onsaved(await get(answer.id ?? this.memory.id).catch(() => this.memory)); // what shows it reads it again
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      this.root.inert = false;
      focused?.focus();
      if (error.status === 412) await get(this.memory.id).then((now) => this.#showConflict(now), (again) => this.#unsaved(again));
      else this.#unsaved(error);
    }
  }

  #unsaved(error) {
    fill(this.wrong, `It is not saved. ${sentence(error)} What you typed is still here, and stays when the page is loaded again.`);
  }

  #changes() {
    const typed = this.#typed();
    let [tags, metadata] = [[], null];
    try {
      tags = tagsOf(typed.tags);
    } catch (error) {
      throw Object.assign(error, { field: this.tags });
    }
    try {
      metadata = JSON.parse(typed.metadata.trim() || '{}');
    } catch {
      // It is said below.
    }
    if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata)) throw Object.assign(new Error('The metadata must be a JSON object, such as {"source": "a letter"}.'), { field: this.metadata });
    const found = {};
    const { base } = this;
    if (!this.#shows('content', base)) found.content = typed.content;
    if (!this.#shows('tags', base) && tags.join('\n') !== base.tags.join('\n')) found.tags = tags;
    if (!this.#shows('type', base) && typed.type.trim() !== (base.type ?? '')) found.type = typed.type.trim();
    // What was not changed is not sent: a number may have more digits than this language keeps.
    const names = Object.keys({ ...base.metadata, ...metadata }).filter((name) => JSON.stringify(metadata[name]) !== JSON.stringify(base.metadata[name]));
    if (names.length > 0) found.metadata = Object.fromEntries(names.map((name) => [name, metadata[name] ?? null]));
    return found;
  }

  #showConflict(now) {
    const typed = this.#typed();
    const mine = () => this.#settle(now, typed.content);
    const theirs = () => this.#settle(now, now.content);
    const both = () => this.#settle(now, `${now.content}\n\n${typed.content}`);
    fill(
      this.conflict,
      element('h2', {}, 'Somebody else changed it meanwhile'),
      element('p', {}, 'Nothing is saved yet, and nothing is lost. Choose what goes on below, then save.'),
      element(
        'div',
        { class: 'sides' },
        element('section', {}, element('h3', {}, 'What is there now'), difference(this.base.content, now.content), now.tags.join() !== this.base.tags.join() && element('p', { class: 'muted' }, `tags: ${now.tags.join(', ')}`)),
        element('section', {}, element('h3', {}, 'What you typed'), difference(this.base.content, typed.content)),
      ),
      element('div', { class: 'actions' }, button('Go on with mine', mine, { class: 'primary' }), button('Go on with theirs', theirs), button('Both, one after the other', both)),
    );
    this.conflict.scrollIntoView({ block: 'nearest' });
    this.conflict.querySelector('button').focus();
  }

  #settle(now, content) {
    for (const name of ['tags', 'type', 'metadata']) {
      if (this.#shows(name, this.base)) this[name].value = WRITTEN[name](now); // what was not touched here is theirs
    }
    this.base = now;
    this.content.value = content;
    this.#keep();
    fill(this.conflict);
    this.focus();
  }
}
