// A list of any length, of which only the rows in sight are in the document.
import { element, fill } from './dom.js';

const BEYOND = 8; // rows above and below those in sight
const PAGE = 50; // rows that are asked for at once
const KEPT = 60; // pages that are kept

export class WindowedList {
  // ask: of a place and a signal, the rows there on: { rows, total }. row: the elements of one, `href` of where it leads.
  constructor({ label, height, ask, row, empty, onloaded = () => {}, onfailed = () => {} }) {
    Object.assign(this, { height, ask, row, empty, onloaded, onfailed });
    this.space = element('ol', { class: 'rows', 'aria-label': label });
    this.root = element('div', { class: 'list' }, this.space);
    this.root.addEventListener('scroll', () => this.#later(), { passive: true });
    this.space.addEventListener('focusin', (event) => this.#focused(event));
    new ResizeObserver(() => this.#later()).observe(this.root);
    this.active = 0;
    this.#forget();
  }

  // Ask for everything anew; keep: whether the place in the list stays, and what is shown until the answers come.
  async reload({ keep = false } = {}) {
    this.#forget(keep);
    if (!keep) {
      this.active = 0;
      this.root.scrollTop = 0;
    }
    await this.#load(keep ? Math.floor(this.root.scrollTop / this.height / PAGE) : 0);
  }

  // Move by a number of rows, and focus the one that is reached.
  move(by) {
    if (this.total === 0) {
      this.awaited = !this.answered; // the first row, once it is there
      return;
    }
    const inside = this.space.contains(document.activeElement);
    this.active = Math.max(0, Math.min(this.total - 1, inside || this.active > 0 ? this.active + by : Math.max(0, by - 1)));
    const top = this.active * this.height;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + this.height > this.root.scrollTop + this.root.clientHeight) this.root.scrollTop = top + this.height - this.root.clientHeight;
    this.#draw();
    this.#linkOf(this.active)?.focus({ preventScroll: true });
  }

  // Focus the row that keys have reached.
  focus() {
    this.#linkOf(this.active)?.focus({ preventScroll: true });
  }

  // Return the row that keys have reached.
  current() {
    return this.#at(this.active);
  }

  // Mark the row of a memory as the open one.
  open(id) {
    this.opened = id;
    this.#draw();
  }

  #forget(keep = false) {
    this.turn = (this.turn ?? 0) + 1;
    this.asking?.abort();
    this.asking = new AbortController();
    this.wanted = new Set();
    this.stale = new Map(keep ? [...(this.stale ?? []), ...(this.pages ?? [])] : []);
    this.pages = new Map();
    if (keep) return;
    this.total = 0;
    this.answered = false;
    this.note?.remove();
    this.note = null;
    fill(this.space);
  }

  #at(index) {
    const page = Math.floor(index / PAGE);
    return (this.pages.get(page) ?? this.stale.get(page))?.[index % PAGE];
  }

  async #load(page) {
    if (this.pages.has(page) || this.wanted.has(page)) return;
    const turn = this.turn;
    this.wanted.add(page);
    try {
      const { rows, total, more = false } = await this.ask(page * PAGE, PAGE, this.asking.signal);
      if (turn !== this.turn) return;
      this.pages.set(page, rows);
      this.stale.delete(page);
      this.answered = true;
      this.total = more ? Math.max(total, this.total) : total;
      this.active = Math.min(this.active, Math.max(0, total - 1));
      if (this.pages.size > KEPT) this.pages.delete(this.pages.keys().next().value);
      this.onloaded(this.total, more);
      this.#draw();
    } catch (error) {
      if (turn === this.turn && error.name !== 'AbortError') this.onfailed(error);
    } finally {
      if (turn === this.turn) this.wanted.delete(page);
    }
  }

  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#draw();
    });
  }

  #draw() {
    if (this.total === 0) {
      if (!this.answered) return;
      this.space.style.height = 'auto';
      fill(this.space);
      if (!this.note) this.root.append((this.note = element('div', { class: 'empty' }, this.empty())));
      return;
    }
    this.note?.remove();
    this.note = null;
    const from = Math.max(0, Math.floor(this.root.scrollTop / this.height) - BEYOND);
    const to = Math.min(this.total, Math.ceil((this.root.scrollTop + this.root.clientHeight) / this.height) + BEYOND);
    this.space.style.height = `${this.total * this.height}px`;
    const focused = this.space.contains(document.activeElement) ? document.activeElement.closest('li')?.dataset.index : null;
    const items = [];
    for (let index = from; index < to; index += 1) items.push(this.#item(index));
    fill(this.space, items);
    if (this.awaited) this.#linkOf(this.active)?.focus({ preventScroll: true });
    this.awaited = false;
    if (focused !== null && focused !== undefined) this.#linkOf(Number(focused))?.focus({ preventScroll: true });
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) this.#load(page);
  }

  #item(index) {
    const row = this.#at(index);
    const place = { class: 'item', 'data-index': index, 'aria-posinset': index + 1, 'aria-setsize': this.total };
    if (!row) {
      const waiting = element('li', place, element('span', { class: 'row waiting' }, '…'));
      waiting.style.transform = `translateY(${index * this.height}px)`;
      return waiting;
    }
    const { id, href, content } = this.row(row, index);
    const opened = id === this.opened;
    const link = element('a', { class: 'row', href, tabindex: index === this.active ? 0 : -1, 'aria-current': opened }, content);
    const item = element('li', { ...place, class: opened ? 'item open' : 'item', 'data-id': id }, link);
    item.style.transform = `translateY(${index * this.height}px)`;
    return item;
  }

  #linkOf(index) {
    return this.space.querySelector(`li[data-index="${index}"] a.row`);
  }

  #focused(event) {
    const item = event.target.closest('li');
    if (!item) return;
    this.active = Number(item.dataset.index);
    for (const link of this.space.querySelectorAll('a.row')) link.tabIndex = Number(link.parentElement.dataset.index) === this.active ? 0 : -1;
  }
}
