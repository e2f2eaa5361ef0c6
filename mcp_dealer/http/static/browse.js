// Memories: what is looked for on the left, the one that is open on the right.
import { list, namespaces, search, tags } from './api.js';
import { address, filters, go, state } from './address.js';
import { button, element, fill, said, select } from './dom.js';
import { drafts, tagsOf } from './editor.js';
import { WindowedList } from './list.js';
import { MemoryPane } from './memory.js';
import { sentence } from './problem.js';
import { failed } from './toast.js';
import { ago, beginning, counted, number, whole } from './words.js';

const ROW = matchMedia('(max-width: 480px)').matches ? 84 : 74; // pixels, as in the style sheet
const TYPED_MS = 180;
const MODES = [['hybrid', 'meaning and words'], ['semantic', 'meaning'], ['keyword', 'words'], ['ranked', 'also newest and used'], ['exact', 'exactly this text']];
const NONE = {
  semantic: 'No memory is near that by meaning. Try other words, or another way to search.',
  keyword: 'No memory has these words. Try fewer of them, or search by meaning.',
  exact: 'No memory holds exactly this text. Try a part of it, or search by words.',
};

export function open(root) {
  const query = element('input', { type: 'search', placeholder: 'Search memories', 'aria-label': 'Search memories', autocomplete: 'off', spellcheck: 'false' });
  const mode = select(MODES, 'hybrid', { 'aria-label': 'Search by' });
  const namespace = select([['', 'all namespaces']], '', { 'aria-label': 'Namespace' });
  const type = element('input', { type: 'text', placeholder: 'any type', 'aria-label': 'Type' });
  const when = element('input', { type: 'text', placeholder: 'any time', 'aria-label': 'Time, in words such as “last week”', title: 'last week, since March, 2026-05-01 …' });
  const tag = element('input', { type: 'text', placeholder: 'tag', 'aria-label': 'Add a tag to the filter', list: 'known-tags' });
  const known = element('datalist', { id: 'known-tags' });
  const chips = element('div', { class: 'chips' });
  const count = element('p', { class: 'count', role: 'status' });
  const notes = element('div', { class: 'notes' });
  const form = element(
    'form',
    { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() },
    element('div', { class: 'query' }, query, mode),
    element('div', { class: 'narrow' }, namespace, tag, type, when, known),
    chips,
  );
  const rows = new WindowedList({ label: 'Memories', height: ROW, ask: (...place) => asked(...place), row, empty: () => empty(state()), onloaded: loaded, onfailed: unread });
  const pane = new MemoryPane();
  const side = element('div', { class: 'side' }, form, element('div', { class: 'above' }, count, notes), rows.root);
  const box = element('div', { class: 'browse' }, side, element('div', { class: 'detail' }, pane.root));
  fill(root, box);

  pane.root.tabIndex = -1;
  let listed = null; // the address of what is listed
  let shown = '\n'; // the memory that is open, and its part
  let typing = null; // what was typed is no state yet
  const changeQuery = () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      typing = null;
      go({ q: query.value }, { replace: Boolean(state().q) && Boolean(query.value) });
    }, TYPED_MS);
  };
  query.addEventListener('input', changeQuery);
  query.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    clearTimeout(typing);
    typing = null;
    if (query.value !== state().q) go({ q: query.value });
    rows.active = 0;
    rows.move(0);
  });
  mode.addEventListener('change', () => go({ mode: mode.value === 'hybrid' ? '' : mode.value }));
  namespace.addEventListener('change', () => go({ namespace: namespace.value }));
  type.addEventListener('change', () => go({ type: type.value.trim() }));
  when.addEventListener('change', () => go({ when: when.value.trim() }));
  tag.addEventListener('change', () => {
    try {
      const added = tagsOf(tag.value);
      tag.value = '';
      if (added.length) go({ tag: [...new Set([...state().tag, ...added])] });
    } catch (error) {
      failed(error);
    }
  });

  async function asked(offset, limit, signal) {
    const of = state();
    const answer = searches(of) ? await search(of, offset, limit, signal) : await list(of, offset, limit, signal);
    if (offset === 0) fill(notes, listedOnly(of) && of.q && element('p', {}, `${listedOnly(of)} The search “${of.q}” is not applied. `, button('Search what is there now', () => go({ deleted: '', asof: '' }), { class: 'link' })), answer.notes.map(noted));
    return answer;
  }

  function loaded(total, more) {
    const of = state();
    fill(count, searches(of) ? more ? `more than ${counted(total - 1, 'hit')}` : counted(total, 'hit') : counted(total, of.deleted ? 'deleted memory' : 'memory', of.deleted ? 'deleted memories' : 'memories'));
  }

  // The rows that are there stay, and above them stands what is wrong.
  function unread(error) {
    if (error.status === 401) return;
    if (rows.total === 0) fill(count);
    fill(notes, element('p', { class: 'wrong', role: 'alert' }, sentence(error), ' ', button('Try again', () => rows.reload({ keep: true }), { class: 'link' })));
  }

  async function offer() {
    const [spaces, words] = await Promise.all([namespaces(), tags(state())]);
    fill(namespace, element('option', { value: '' }, 'all namespaces'), spaces.map((one) => element('option', { value: one.name }, `${one.name} (${number(one.memories)})`)));
    const wanted = state().namespace;
    if (wanted && !spaces.some((one) => one.name === wanted)) namespace.append(element('option', { value: wanted }, wanted));
    namespace.value = wanted;
    fill(known, words.slice(0, 200).map((one) => element('option', { value: one.name }, number(one.memories))));
  }

  async function refresh() {
    await Promise.all([rows.reload({ keep: true }), offer()]).catch(() => {});
  }
  addEventListener('memories-changed', refresh);

  return {
    async update(of) {
      const only = listedOnly(of);
      if (only) query.value = '';
      else if (typing === null) query.value = of.q;
      for (const field of [query, mode]) field.disabled = Boolean(only);
      query.placeholder = only || 'Search memories';
      query.title = only;
      mode.value = of.mode || 'hybrid';
      type.value = of.type;
      when.value = of.when;
      namespace.value = of.namespace;
      fill(chips, chosen(of));
      box.classList.toggle('has-memory', Boolean(of.memory));
      const wanted = address(filters(of));
      const jobs = [pane.show(of)];
      if (wanted !== listed) {
        listed = wanted;
        jobs.push(rows.reload(), offer().catch(() => {})); // the list says what is wrong
      }
      rows.open(of.memory);
      await Promise.all(jobs);
      const [was, now] = [shown, `${of.memory}\n${of.show}`];
      shown = now;
      if (was === now || document.activeElement !== document.body) return;
      if (!of.memory) rows.focus(); // whatever had the focus is gone
      else if (was === `${of.memory}\nedit`) pane.root.focus();
    },
    key(key) {
      if (key === 'j' || key === 'ArrowDown') rows.move(1);
      else if (key === 'k' || key === 'ArrowUp') rows.move(-1);
      else if (key === '/') query.select();
      else if (key === 'Enter' && rows.current()) go({ memory: idOf(rows.current()), show: '' });
      else if (pane.key(key)) return true;
      else if (key === 'Escape' && state().memory) go({ memory: '', show: '' });
      else return false;
      if (key === '/') query.focus();
      return true;
    },
    close() {
      removeEventListener('memories-changed', refresh);
      pane.close();
    },
  };
}

const idOf = (row) => row.memory.id;
const FARTHER = /[;,] `?min_similarity -1`? gives them/; // which is for programs

// Why there is no search among what is listed; '' where there is one.
function listedOnly(of) {
  if (of.asof) return 'Former states can be listed, not searched.';
  return of.deleted ? 'Deleted memories can be listed, not searched.' : '';
}

const searches = (of) => Boolean(of.q.trim()) && !listedOnly(of);

function noted(note) {
  return element('p', {}, note.replace(FARTHER, ''), FARTHER.test(note) && ['. ', button('Show them too', () => go({ far: '1' }), { class: 'link' })]);
}

function chosen(of) {
  const clear = (words, changes) => button([element('bdi', {}, words), ' ×'], () => go(changes), { class: 'chip', 'aria-label': `Remove the filter ${words}` });
  return [
    of.asof && clear(`as of change ${of.asof}`, { asof: '' }),
    of.deleted && clear('deleted', { deleted: '' }),
    ...of.tag.map((name) => clear(`#${name}`, { tag: of.tag.filter((one) => one !== name) })),
    of.type && clear(`type ${of.type}`, { type: '' }),
    of.when && clear(of.when, { when: '' }),
    of.far && of.q && clear('also what is far', { far: '' }),
    !of.deleted && !of.asof && button('deleted ones', () => go({ deleted: '1', q: '' }), { class: 'chip quiet' }),
  ];
}

function row({ memory, similarity, reason, deletion }) {
  const of = state();
  const line = [
    memory.type && element('span', { class: 'type' }, said(memory.type)),
    ...memory.tags.slice(0, 4).map((name) => element('span', { class: 'tag' }, said(name))),
    memory.tags.length > 4 && element('span', {}, `+${memory.tags.length - 4}`),
    drafts.has(memory.id) && element('span', { class: 'old' }, 'not saved yet'),
    memory.superseded_by && element('span', { class: 'old' }, 'superseded'),
  ];
  const found = similarity !== undefined && similarity !== null
    ? element('span', { class: 'match', title: 'similarity of meaning' }, bar(similarity), `${Math.round(similarity * 100)} %`)
    : null;
  const content = [
    element('span', { class: 'text', dir: 'auto' }, beginning(memory.content) || '(blank)'),
    element(
      'span',
      { class: 'meta' },
      element('span', { class: 'labels' }, line),
      reason && element('span', { class: 'reason' }, reason),
      found,
      !of.namespace && memory.namespace !== 'default' && element('span', { class: 'space' }, said(memory.namespace)),
      deletion ? element('time', { datetime: deletion.at, title: `deleted ${whole(deletion.at)} by ${deletion.client}` }, `deleted ${ago(deletion.at)}`) : element('time', { datetime: memory.created, title: whole(memory.created) }, ago(memory.created)),
    ),
  ];
  return { id: memory.id, href: address({ ...of, memory: memory.id, show: '' }), content };
}

function bar(similarity) {
  const filled = element('span', { class: 'bar-filled' });
  filled.style.width = `${Math.max(0, Math.min(1, similarity)) * 100}%`;
  return element('span', { class: 'bar-whole', 'aria-hidden': 'true' }, filled);
}

function empty(of) {
  const narrowed = of.tag.length || of.type || of.when || of.namespace || of.asof;
  if (searches(of) || narrowed) {
    return [
      element('h2', {}, 'Nothing found'),
      element('p', {}, searches(of) ? NONE[of.mode] ?? 'No memory is near that by meaning or by words. Try fewer words, or another way to search.' : 'No memory has all of that.'),
      narrowed ? button('Clear the filters', () => go({ tag: [], type: '', when: '', namespace: '', asof: '' })) : null,
    ];
  }
  if (of.deleted) return [element('h2', {}, 'Nothing is deleted'), element('p', {}, 'What is deleted is here, and can be brought back, until it is purged.')];
  return [
    element('h2', {}, 'No memories yet'),
    element('p', {}, 'An AI client that is connected stores them, and so does the command line:'),
    element('pre', { class: 'command' }, 'memmux install claude-code\nmemmux store "The staging database listens on port 5433"'),
    element('p', {}, 'Or bring some along: ', element('a', { href: '/?view=transfer' }, 'import or ingest files'), '.'),
  ];
}
