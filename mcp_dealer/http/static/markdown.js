// Markdown as elements: marked reads it, and every text of it becomes a text.
// HTML in it is shown as it is written; pictures are shown as links, so that nothing is fetched.
import { Lexer } from './vendor/marked.js';
import { button, element } from './dom.js';
import { counted } from './words.js';

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);
const LONGEST = 65536; // characters that are rendered; what is longer is shown as it is written
const LONG = 4096; // characters of a paragraph; in a longer one no marks are read, as some texts keep the reader busy for minutes
const BUSY_MS = 500; // after which no more marks are read
const PIECE = 32768; // characters of a long text that are shown at once
const DEEPEST = 40; // levels of lists and quotations, and no more
const SIDES = { right: 'to-right', center: 'to-middle', left: 'to-left' }; // as a table's columns say

class Reader extends Lexer {
  until = performance.now() + BUSY_MS;

  inlineTokens(source, tokens = []) {
    if (source.length <= LONG && performance.now() < this.until) return super.inlineTokens(source, tokens);
    tokens.push({ type: 'text', raw: source, text: source });
    return tokens;
  }
}

// Return the elements of a text.
export function rendered(text) {
  const box = element('div', { class: 'markdown', dir: 'auto' });
  if (text.length > LONGEST) {
    box.append(plain(text));
    return box;
  }
  try {
    box.append(...blocks(new Reader({ gfm: true }).lex(text), 0));
  } catch {
    box.replaceChildren(plain(text)); // nested more deeply than the reader goes
  }
  return box;
}

// Return a text as it is written; of a long one the beginning, and a button that shows the rest piece by piece.
export function plain(text) {
  const box = element('div', { class: 'pieces', dir: 'auto' });
  let shown = 0;
  const more = button('', () => next(), { class: 'quiet' });
  const next = () => {
    more.before(element('pre', { class: 'plain', dir: 'auto' }, text.slice(shown, shown + PIECE)));
    shown += PIECE;
    more.hidden = shown >= text.length;
    more.textContent = `Show more: ${counted(text.length - shown, 'character')} are left`;
  };
  box.append(more);
  next();
  return box;
}

// Return a link to elsewhere, or only its content where the address is none to follow.
export function outward(address, children) {
  let url;
  try {
    url = new URL(address); // of a whole address alone: nothing leads into this page
  } catch {
    return element('span', {}, children);
  }
  if (!SCHEMES.has(url.protocol)) return element('span', { class: 'no-link' }, children, ` (${address})`);
  const attributes = { href: url.href, rel: 'noopener noreferrer nofollow', target: '_blank', title: url.href };
  return element('a', attributes, children);
}

function blocks(tokens, depth) {
  return tokens.flatMap((token) => block(token, depth + 1));
}

function block(token, depth) {
  if (depth > DEEPEST) return [token.raw];
  switch (token.type) {
    case 'space':
    case 'def':
      return [];
    case 'heading':
      return [element(`h${Math.min(6, token.depth + 2)}`, { dir: 'auto' }, inlines(token.tokens, depth))];
    case 'paragraph':
      return [element('p', { dir: 'auto' }, inlines(token.tokens, depth))];
    case 'code':
      return [element('pre', { tabindex: '0', 'aria-label': 'Code' }, element('code', {}, token.text))];
    case 'blockquote':
      return [element('blockquote', {}, blocks(token.tokens, depth))];
    case 'hr':
      return [element('hr')];
    case 'list': {
      const start = token.ordered && token.start !== 1 ? { start: token.start } : {};
      return [element(token.ordered ? 'ol' : 'ul', start, token.items.map((item) => point(item, depth)))];
    }
    case 'table':
      return [table(token, depth)];
    case 'checkbox':
      return [tick(token)];
    case 'text':
      return token.tokens ? inlines(token.tokens, depth) : [token.text];
    default:
      return [element('pre', {}, token.raw)]; // HTML, as it is written
  }
}

function point(item, depth) {
  const known = item.tokens.some((token) => token.type === 'checkbox');
  return element('li', { dir: 'auto', class: item.task ? 'task' : null }, item.task && !known ? tick(item) : null, blocks(item.tokens, depth));
}

function tick(token) {
  return element('input', { type: 'checkbox', disabled: true, checked: token.checked, 'aria-label': token.checked ? 'done' : 'to do' });
}

function table(token, depth) {
  const cells = (name, row) => element('tr', {}, row.map((cell) => element(name, { dir: 'auto', class: SIDES[cell.align] }, inlines(cell.tokens, depth))));
  const body = token.rows.map((row) => cells('td', row));
  const made = element('table', {}, element('thead', {}, cells('th', token.header)), element('tbody', {}, body));
  return element('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Table' }, made);
}

function inlines(tokens, depth) {
  return (tokens ?? []).flatMap((token) => inline(token, depth + 1));
}

function inline(token, depth) {
  if (depth > DEEPEST) return [token.raw];
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return [element(token.type, {}, inlines(token.tokens, depth))];
    case 'codespan':
      return [element('code', {}, token.text)];
    case 'br':
      return [element('br')];
    case 'link':
      return [outward(token.href, inlines(token.tokens, depth))];
    case 'image':
      return [outward(token.href, [`🖼 ${token.text || token.href}`])];
    case 'checkbox':
      return [tick(token)];
    case 'text':
    case 'escape':
      return token.tokens ? inlines(token.tokens, depth) : [token.text];
    default:
      return [token.raw];
  }
}
