// Bringing memories in, and taking them along: export, import, and documents as memories.
import { exportAddress, importFile, ingestFiles, namespaces } from './api.js';
import { button, element, fill, labelled, said, select } from './dom.js';
import { may } from './rights.js';
import { done, toast } from './toast.js';
import { number } from './words.js';

export function open(root) {
  const of = select([['', 'all namespaces']], '');
  const out = element('a', { class: 'button primary', download: 'memories.jsonl', href: exportAddress('') }, 'Export');
  const deleted = element('input', { type: 'checkbox' });
  const located = () => out.setAttribute('href', exportAddress(of.value, deleted.checked));
  of.addEventListener('change', located);
  deleted.addEventListener('change', located);
  fill(
    root,
    element(
      'div',
      { class: 'view' },
      element('header', { class: 'view-head' }, element('h1', {}, 'Import & export')),
      !may('write') && element('p', { class: 'banner' }, 'This key may read, so it can export; importing needs a key with the role write.'),
      element(
        'div',
        { class: 'cards' },
        element('section', { class: 'card' }, element('h2', {}, 'Export'), element('p', { class: 'muted' }, 'One JSON object a line, with everything that memmux knows of each memory.'), labelled('Namespace', of), element('label', { class: 'check' }, deleted, ' deleted ones, too'), element('div', { class: 'actions' }, out)),
        may('write') && new Upload('Import', 'An export of memmux, mcp-memory-service, server-memory or basic-memory, or exported conversations of Claude or ChatGPT.', { many: false, send: importFile }).root,
        may('write') && new Upload('Ingest documents', 'Markdown, text, PDF, JSON or CSV: each is cut into passages, and each passage is a memory.', { many: true, tags: true, send: ingestFiles }).root,
      ),
    ),
  );
  return {
    async update() {
      const spaces = await namespaces();
      fill(of, element('option', { value: '' }, 'all namespaces'), spaces.map((one) => element('option', { value: one.name }, `${one.name} (${number(one.memories)})`)));
    },
  };
}

// A card that sends files, and says how far that is.
class Upload {
  constructor(title, words, { many, tags = false, send }) {
    this.send = send;
    this.title = title;
    this.file = element('input', { type: 'file', multiple: many, class: 'file', 'aria-label': `${title}: file` });
    this.namespace = element('input', { type: 'text', value: 'default', maxlength: 128 });
    this.tags = tags ? element('input', { type: 'text', list: 'known-tags' }) : null;
    this.progress = element('progress', { hidden: true, 'aria-label': `${title}: progress` });
    this.report = element('div', { class: 'report', role: 'status' });
    this.go = element('button', { type: 'submit', class: 'primary', disabled: true }, title);
    this.stop = button('Stop', () => this.asking?.abort(), { hidden: true });
    this.dropped = element('div', { class: 'drop' }, this.file, element('p', { class: 'muted' }, many ? 'or drop files here' : 'or drop a file here'));
    const form = element('form', { onsubmit: (event) => (event.preventDefault(), this.#begin()) }, this.dropped, element('div', { class: 'pair' }, labelled('Namespace', this.namespace), this.tags && labelled('Tags', this.tags)), element('div', { class: 'actions' }, this.go, this.stop), this.progress, this.report);
    this.root = element('section', { class: 'card' }, element('h2', {}, title), element('p', { class: 'muted' }, words), form);
    this.file.addEventListener('change', () => (this.go.disabled = this.file.files.length === 0));
    this.dropped.addEventListener('dragover', (event) => (event.preventDefault(), this.dropped.classList.add('over')));
    this.dropped.addEventListener('dragleave', () => this.dropped.classList.remove('over'));
    this.dropped.addEventListener('drop', (event) => {
      event.preventDefault();
      this.dropped.classList.remove('over');
      this.file.files = event.dataTransfer.files;
      this.go.disabled = this.file.files.length === 0;
    });
  }

  async #begin() {
    const files = [...this.file.files];
    this.asking = new AbortController();
    this.go.disabled = true;
    this.stop.hidden = false;
    this.progress.hidden = false;
    this.progress.removeAttribute('value');
    fill(this.report);
    const tags = this.tags?.value.split(',').map((one) => one.trim()).filter(Boolean) ?? [];
    try {
      const report = await this.send(files, { namespace: this.namespace.value.trim(), tags }, (far) => this.#far(far), this.asking.signal);
      this.#show(report);
      dispatchEvent(new CustomEvent('memories-changed'));
    } catch (error) {
      if (error.name === 'AbortError') toast('Stopped; what came before is kept.');
      else fill(this.report, element('p', { class: 'wrong' }, `${error.title ?? 'That did not work'}: ${error.detail ?? error.message}`));
    } finally {
      this.go.disabled = false;
      this.stop.hidden = true;
      this.progress.hidden = true;
    }
  }

  #far({ done: far, total, words }) {
    if (total) [this.progress.max, this.progress.value] = [total, far];
    fill(this.report, words);
  }

  #show({ words, changes, problems }) {
    done(words, changes);
    fill(this.report, element('p', { class: 'fine' }, words), problems.length > 0 && element('details', { open: problems.length < 6 }, element('summary', {}, `${number(problems.length)} problems`), element('ul', {}, problems.slice(0, 200).map((one) => element('li', {}, said(one))))));
  }
}
