// How the cluster is: what is wrong and what helps, who uses it, what it does and how long that takes; live.
import { logLines, status } from './api.js';
import { go, state } from './address.js';
import { button, element, fill, labelled, said } from './dom.js';
import { may } from './rights.js';
import { ago, bytes, counted, duration, milliseconds, number, short } from './words.js';
const PER_SECOND = ['per second', 'Requests a second, of late'];
const MOST_WITHIN = ['95 % within', 'The 95th percentile of the last requests'];

export function open(root) {
  const head = element('div', { class: 'state' });
  const troubles = element('div', { class: 'troubles' });
  const figures = element('dl', { class: 'figures' });
  const clients = card('Clients');
  const operations = card('Operations');
  const workers = card('Workers');
  const log = new LogCard();
  fill(
    root,
    element(
      'div',
      { class: 'view' },
      element('header', { class: 'view-head' }, element('h1', {}, 'Health'), head),
      troubles,
      figures,
      clients.root,
      operations.root,
      workers.root,
      may('admin') && log.root,
    ),
  );
  const show = (now) => {
    fill(head, element('span', { class: `pill ${now.state}` }, now.state), element('span', { class: 'muted' }, `memmux ${now.version}, up ${duration(now.uptime)}`));
    fill(troubles, now.troubles.map(trouble));
    fill(figures, figure(now));
    fill(clients.body, table(['client', 'process', 'requests', 'errors', PER_SECOND, MOST_WITHIN, ['in queue', 'How long the last requests waited for a worker']], now.clients.map(client), 'Nobody is connected. `memmux install` connects a client.'));
    fill(operations.body, table(['operation', 'requests', 'failed', PER_SECOND, ['half within', 'The median of the last requests'], MOST_WITHIN], now.operations.map(operation), 'No request yet.'));
    fill(workers.body, table(['kind', 'state', 'process', 'busy', 'memory', 'restarts'], now.workers.map(worker), 'No worker runs.'));
  };
  let live = null;
  let sought = '';
  const told = ({ detail }) => {
    live = detail;
    status(detail).then(show);
  };
  addEventListener('status-changed', told);
  const again = setInterval(() => (live === null || document.getElementById('connection').classList.contains('lost') ? status().then(show).catch(() => {}) : null), 5000);
  return {
    async update(of) {
      const jobs = [may('admin') ? log.show(of.request) : null];
      if (live === null) jobs.push(status().then(show));
      await Promise.all(jobs);
      if (of.request && of.request !== sought) log.root.scrollIntoView({ block: 'start' });
      sought = of.request;
    },
    close() {
      removeEventListener('status-changed', told);
      clearInterval(again);
    },
  };
}

class LogCard {
  constructor() {
    this.request = element('input', { type: 'search', placeholder: 'all requests', spellcheck: 'false' });
    this.lines = element('ol', { class: 'log', tabindex: '0', 'aria-label': 'Log lines, newest last' });
    this.request.addEventListener('change', () => go({ request: this.request.value.trim() }));
    this.root = element('section', { class: 'card' }, element('div', { class: 'card-head' }, element('h2', {}, 'Log'), labelled('Only request', this.request), button('Refresh', () => this.show(state().request))), this.lines);
  }

  async show(request) {
    this.request.value = request;
    const lines = await logLines(request);
    fill(this.lines, lines.length ? lines.map(line) : element('li', { class: 'muted' }, request ? 'No line has that request: logs are kept for a while only.' : 'Nothing is logged yet.'));
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}

function line(said_) {
  const { at, level, process, event, request, rest, of } = said_;
  return element(
    'li',
    { class: `log-line ${level}`, title: of },
    element('time', { datetime: at }, at.slice(11, 23)),
    element('span', { class: 'process' }, process),
    element('span', { class: 'event' }, event),
    request && button(short(request), () => go({ request }), { class: 'link', title: `only request ${request}` }),
    element('span', { class: 'rest' }, said(rest)),
  );
}

function card(title) {
  const body = element('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': title });
  return { root: element('section', { class: 'card' }, element('h2', {}, title), body), body };
}

function trouble({ code, remedy }) {
  return element('div', { class: 'trouble' }, element('code', {}, code), element('span', {}, remedy));
}

function figure(now) {
  const one = (name, value, more = null) => element('div', {}, element('dt', {}, name), element('dd', {}, value, more && element('small', {}, more)));
  return [
    one('memories', number(now.memories), now.pending ? `${number(now.pending)} wait for their vector` : `${counted(now.seq ?? 0, 'change')} so far`),
    one('model', now.model ?? 'none'),
    one('backups', number(now.backups.kept ?? 0), now.backups.newest ? `newest ${ago(now.backups.newest)}` : 'none yet'),
    one('reading', now.reading),
    one('writing', now.writing),
    one('router', bytes(now.memory), 'of memory'),
  ];
}

function table(columns, rows, none) {
  if (rows.length === 0) return element('p', { class: 'muted' }, none);
  const head = columns.map((one) => [one].flat()).map(([name, words], index) => element('th', { scope: 'col', class: index > 0 ? 'n' : null, title: words }, name));
  const body = rows.map((cells) => element('tr', {}, cells.map((cell, index) => (index === 0 ? element('th', { scope: 'row' }, cell) : element('td', { class: 'n' }, cell)))));
  return element('table', {}, element('thead', {}, element('tr', {}, head)), element('tbody', {}, body));
}

const client = (one) => [
  [said(one.name), one.version && element('span', { class: 'muted' }, ' ', said(one.version))],
  said(one.process),
  number(one.requests),
  one.errors ? element('strong', { class: 'bad' }, number(one.errors)) : '0',
  rate(one.rate),
  milliseconds(one.p95),
  milliseconds(one.queue),
];
const operation = (one) => [one.name, number(one.count), one.failed ? element('strong', { class: 'bad' }, number(one.failed)) : '0', rate(one.rate), milliseconds(one.p50), milliseconds(one.p95)];
const worker = (one) => [one.kind, element('span', { class: `pill small ${one.state}` }, one.state), String(one.pid ?? '–'), one.busy === undefined || one.busy === null ? '–' : `${Math.round(one.busy * 100)} %`, bytes(one.memory), number(one.restarts)];
const rate = (value) => (value === null || value === undefined ? '–' : value.toFixed(value < 10 ? 1 : 0));
