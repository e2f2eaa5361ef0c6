// Bringing memories in, and taking them along: export, import, and documents as memories.
import { exportAddress, importFile, ingestFiles } from './api.js';
import { button, element, fill, labelled, said } from './dom.js';
import { may } from './rights.js';
import { done, toast } from './toast.js';
import { counted } from './words.js';

export function open(root) {
  const vectors = element('input', { type: 'checkbox' });
  const out = element('a', { class: 'button primary', download: '', href: exportAddress(false) }, 'Export');
  vectors.addEventListener('change', () => out.setAttribute('href', exportAddress(vectors.checked)));
  const words = 'All memories of all namespaces, with tags, metadata and links: one JSON object a line.';
  const cards = [
    may('admin') && card('Export', words, element('label', { class: 'check' }, vectors, ' with vectors, so that an import need not make them again'), element('div', { class: 'actions' }, out)),
    may('admin') && new Upload('Import', 'An export or a backup of memmux, a database of mcp-memory-service, memory.jsonl of server-memory, or conversations exported from Claude or ChatGPT.', { many: false, send: importFile }).root,
    may('write') && new Upload('Ingest', 'Documents: Markdown, text, code, JSON, CSV, HTML, notebooks, PDF, docx, EPUB. Each is cut into passages, and each passage is a memory.', { many: true, tags: true, send: ingestFiles }).root,
  ];
  fill(
    root,
    element(
      'div',
      { class: 'view' },
      element('header', { class: 'view-head' }, element('h1', {}, 'Import & export')),
      !may('admin') && element('p', { class: 'banner' }, may('write') ? 'Export and import need a key with the role admin.' : 'This key may only read: to ingest documents it needs the role write, to import and export admin.'),
      element('div', { class: 'cards' }, cards),
    ),
  );
  return { update() {} };
}

function card(title, words, ...content) {
  return element('section', { class: 'card' }, element('h2', {}, title), element('p', { class: 'muted' }, words), content);
}

// A card that sends files, and says how far that is.
class Upload {
  constructor(title, words, { many, tags = false, send }) {
    this.send = send;
    this.title = title;
    this.file = element('input', { type: 'file', multiple: many, class: 'file', 'aria-label': `${title}: file` });
    this.namespace = element('input', { type: 'text', placeholder: many ? 'default' : 'as they were', maxlength: 128 });
    this.tags = tags ? element('input', { type: 'text', list: 'known-tags' }) : null;
    this.progress = element('progress', { hidden: true, 'aria-label': `${title}: progress` });
    this.report = element('div', { class: 'report', role: 'status' });
    this.go = element('button', { type: 'submit', class: 'primary', disabled: true }, title);
    this.stop = button('Stop', () => this.asking?.abort(), { hidden: true });
    this.dropped = element('div', { class: 'drop' }, this.file, element('p', { class: 'muted' }, many ? 'or drop files here' : 'or drop a file here'));
    const form = element('form', { onsubmit: (event) => (event.preventDefault(), this.#begin()) }, this.dropped, element('div', { class: 'pair' }, labelled('Namespace', this.namespace), this.tags && labelled('Tags', this.tags)), element('div', { class: 'actions' }, this.go, this.stop), this.progress, this.report);
    this.root = card(title, words, form);
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
    fill(this.report, element('p', { class: 'fine' }, words), problems.length > 0 && element('details', { open: problems.length < 6 }, element('summary', {}, counted(problems.length, 'problem')), element('ul', {}, problems.slice(0, 200).map((one) => element('li', {}, said(one))))));
  }
}
