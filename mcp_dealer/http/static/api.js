// The REST resources, as the views need them: the one place that knows their shapes.
import { Problem, sentence } from './problem.js';
import { chains } from './versions.js';
import { beginning, counted } from './words.js';

export const CHANGES = 1000; // of one memory that are read

// Ask, and return the JSON of the answer.
async function ask(path, { method = 'GET', query = {}, body, signal, headers = {} } = {}) {
  const response = await fetch(located(path, query), {
    method,
    signal,
    headers: body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return checked(response).then((fine) => fine.json());
}

async function checked(response) {
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  const problem = new Problem(response.status, typeof said === 'object' && said ? said : {});
  if (response.status === 401) dispatchEvent(new CustomEvent('signed-out'));
  throw problem;
}

function located(path, query) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? ''].flat()) if (one !== '') said.append(name, one);
  }
  return said.size ? `/api/${path}?${said}` : `/api/${path}`;
}

const EVERYWHERE = '*';
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const NEAR = 0.4; // the cosine from which on two memories are relatives
const AT_ONCE = 100; // changes that one request undoes
const NAMED = 20; // problems of which the memory is shown
const MOST = 1000; // memories that one request deletes

function read(one) {
  return {
    id: one.id,
    content: one.content,
    namespace: one.namespace,
    type: one.memory_type,
    tags: one.tags,
    metadata: one.metadata ?? {},
    created: one.created_at_iso,
    updated: one.updated_at_iso,
    thread: one.thread,
    place: one.place,
    supersedes: one.supersedes,
    superseded_by: one.superseded_by,
    aliases: one.aliases ?? [],
  };
}

// Return rows and total of the memories that a state lists, newest first.
export async function list(of, offset, limit, signal) {
  const query = {
    offset,
    page_size: limit,
    namespace: of.namespace || EVERYWHERE,
    tag: of.tag,
    tag_match: 'all',
    memory_type: of.type,
    time_expr: of.when,
    time_zone: of.when && ZONE,
    as_of: of.asof,
    deleted: of.deleted && 'true',
  };
  const said = await ask('memories', { query, signal });
  return { rows: said.memories.map((one, index) => ({ memory: read(one), deletion: said.deletions?.[index] })), total: said.total, notes: said.notes ?? [] };
}

// Return rows and total of what a search finds, best first; of a full page, one more is said to follow.
export async function search(of, offset, limit, signal) {
  const mode = of.mode || 'hybrid';
  const body = {
    query: of.q,
    n_results: limit,
    offset,
    mode,
    why: true,
    only_relevant: !of.far && (mode === 'hybrid' || mode === 'ranked'),
    namespace: of.namespace || EVERYWHERE,
    tags: of.tag,
    match_all: true,
    ...(of.type && { memory_type: of.type }),
    ...(of.when && { time_expr: of.when, time_zone: ZONE }),
  };
  const said = await ask('search', { method: 'POST', body, signal });
  const rows = said.results.map((one) => ({ memory: read(one.memory), similarity: one.similarity, reason: mode === 'exact' ? 'exactly this text' : reason(one) }));
  const more = rows.length === limit;
  return { rows, total: offset + rows.length + (more ? 1 : 0), more, notes: said.notes ?? [] };
}

// Say why a memory was found: the parts of its score, the greatest first.
function reason({ why, score }) {
  const parts = Object.entries(why ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 2);
  if (parts.length === 0) return score === null ? '' : `score ${score.toFixed(2)}`;
  return parts.map(([name, value]) => `${name.replace(/_/g, ' ')} ${value.toFixed(2).replace(/^0/, '')}`).join(' + ');
}

// Return one memory, perhaps as it was after a change; `etag` names the state that it is in.
export async function memory(id, signal, asof = '') {
  const response = await checked(await fetch(located(`memories/${encodeURIComponent(id)}`, { as_of: asof, namespace: EVERYWHERE }), { signal }));
  const said = await response.json();
  return { ...read(said), etag: response.headers.get('etag') };
}

// Change a memory; etag: the state that it must be in, or else the answer is a Problem of status 412.
export async function update(id, changes, etag = null) {
  const { type, ...others } = changes;
  const body = JSON.stringify({ ...others, ...(type !== undefined && { memory_type: type }) });
  const headers = { 'Content-Type': 'application/json', ...(etag && { 'If-Match': etag }) };
  return checked(await fetch(located(`memories/${encodeURIComponent(id)}`, { namespace: EVERYWHERE }), { method: 'PUT', body, headers })).then((fine) => fine.json());
}

// Delete a memory; etag: as of `update`.
export const remove = (id, etag = null) => ask(`memories/${encodeURIComponent(id)}`, { method: 'DELETE', query: { namespace: EVERYWHERE }, headers: etag ? { 'If-Match': etag } : {} });

// Undo the changes from one to another. Returns the changes that it made, and how many it left.
export async function undo(seq, last = seq) {
  const parts = [];
  for (let to = last; to >= seq; to -= AT_ONCE) {
    const from = Math.max(seq, to - AT_ONCE + 1);
    parts.push({ seq: from, last_seq: to });
  }
  return undoneOf(parts);
}

// Undo changes that are named one by one.
export async function undoAll(seqs) {
  const parts = [];
  for (let at = seqs.length; at > 0; at -= AT_ONCE) parts.push({ seqs: seqs.slice(Math.max(0, at - AT_ONCE), at) });
  return undoneOf(parts);
}

async function undoneOf(parts) {
  const [undone, left] = [[], []];
  for (const body of parts) {
    const said = await ask('undo', { method: 'POST', body });
    undone.push(...said.undone);
    left.push(...said.left);
  }
  const bad = left.find((one) => !undone.length || one.status >= 500);
  if (bad) throw new Problem(bad.status, bad);
  return { seqs: undone.map((one) => one.seq).filter(Boolean), left: left.length };
}

// Return the number of the newest change.
export const newest = async () => (await ask('status')).seq ?? 0;

// Return the deletions of memories after a change, as the change log has them, oldest first.
export async function deletions(ids, after) {
  const [wanted, found] = [new Set(ids), []];
  for (let next = after; next !== null; ) {
    const said = await ask('changes', { query: { after_seq: next, limit: 100, operation: 'memory.delete', namespace: EVERYWHERE } });
    found.push(...said.changes.filter((one) => wanted.has(one.id)).map((one) => one.seq));
    next = said.changes.length ? said.next : null;
  }
  return found;
}

// The changes of a memory, the newest first; no more than the last CHANGES.
export async function history(id, signal) {
  const said = await ask(`memories/${encodeURIComponent(id)}/history`, { query: { namespace: EVERYWHERE, limit: CHANGES }, signal });
  return said.changes.map((one) => ({ ...one, before: one.before && read(one.before) }));
}

export async function graph(id, hops, signal) {
  const said = await ask(`memories/${encodeURIComponent(id)}/graph`, { query: { hops, namespace: EVERYWHERE }, signal });
  return { nodes: said.nodes.map((node) => ({ ...node, memory: node.memory && read(node.memory) })), links: said.links };
}

// Return what says nearly the same as a memory, without itself.
export async function similar({ id, namespace }, signal) {
  const said = await ask(`search/similar/${encodeURIComponent(id)}`, { query: { n_results: 9, namespace }, signal });
  return said.results.filter((one) => one.memory.id !== id && one.similarity >= NEAR).slice(0, 8).map((one) => ({ memory: read(one.memory), similarity: one.similarity }));
}

// Return what stands around a memory in its thread, in the order of the thread, itself among it.
export async function thread(of, signal) {
  const body = { query: of.content.trim().slice(0, 1000), mode: 'exact', n_results: 5, context: 4, namespace: of.namespace, include_superseded: true };
  const said = await ask('search', { method: 'POST', body, signal });
  const found = said.results.find((one) => one.memory.id === of.id);
  return found && found.before.length + found.after.length > 0 ? [...found.before, found.memory, ...found.after].map(read) : [];
}

export async function namespaces() {
  return (await ask('namespaces')).namespaces;
}

export async function tags(of) {
  const said = await ask('tags', { query: { namespace: of.namespace || EVERYWHERE } });
  return said.tags.map((one) => ({ name: one.tag, memories: one.count }));
}

// Return the stores of each day, by client, type, tag or namespace; days: how far back, '' for all.
export async function timeline(by, days) {
  const after = days ? new Date(Date.now() - Number(days) * 86400000).toISOString() : '';
  return ask('timeline', { query: { by, after, namespace: EVERYWHERE, limit: 6, zone: ZONE } });
}

// Return the newest change, and when a change was made.
export async function span() {
  const { seq } = await ask('status');
  const at = async (change, signal) => (await ask('changes', { query: { after_seq: change - 1, limit: 1, namespace: EVERYWHERE }, signal })).changes[0]?.at ?? null;
  return { last: seq ?? 0, at };
}

let known = null; // sentences by their codes
async function remedies() {
  known ??= await fetch(new URL('remedies.json', import.meta.url)).then((answer) => answer.json()).catch(() => ({}));
}

const noFault = new Set(['cancelled', 'not_found']); // they say nothing of how well a cluster works
const failures = ({ errors }) => Object.entries(errors ?? {}).reduce((sum, [code, count]) => sum + (noFault.has(code) ? 0 : count), 0);

// Return the state of the cluster; said: the answer, where it came by an event.
export async function status(said = null) {
  const now = said ?? (await ask('status'));
  await remedies();
  const fitness = (kind) => now.health?.[kind]?.state ?? 'unknown';
  return {
    state: now.state,
    version: now.version,
    uptime: now.uptime_s,
    grant: now.grant,
    troubles: (now.degraded ?? []).map((code) => ({ code, remedy: known[code] ?? (code.endsWith('_failing') ? known.failing?.replace('{}', code.slice(0, -8)) : '') ?? '' })),
    memories: now.memories,
    pending: now.pending,
    model: now.model,
    seq: now.seq,
    memory: now.rss_bytes,
    reading: fitness('read'),
    writing: fitness('write'),
    backups: { kept: now.backups?.kept, newest: now.backups?.newest_at ? now.backups.newest_at * 1000 : null },
    clients: (now.clients ?? []).map((one) => ({ name: one.name, process: one.address ? [one.application, one.address].filter(Boolean).join(' at ') : String(one.host_pid ?? one.pid ?? '–'), version: one.version, requests: one.requests, errors: one.errors, rate: one.per_s, p95: one.p95_ms, queue: one.queue_ms })),
    operations: Object.entries(now.requests ?? {}).map(([name, one]) => ({ name, count: one.ok + failures(one), failed: failures(one), rate: one.per_s, p50: one.p50_ms, p95: one.p95_ms })),
    workers: [...(now.workers ?? []), ...(now.gateway ? [{ kind: 'gateway', ...now.gateway }] : [])].map((one) => ({ kind: one.kind, state: one.state, pid: one.pid, busy: one.busy, memory: one.rss_bytes, restarts: one.restarts })),
  };
}

// Return the newest lines of the logs, oldest first; request: only its lines, '' for all.
export async function logLines(request) {
  const said = await ask('log', { query: { request, lines: 200 } });
  return said.lines.map(({ at, timestamp, level, process, event, request_id, kind, pid, version, database, ...rest }) => ({
    at: at ?? timestamp ?? '',
    level: level ?? 'info',
    process: process ?? '',
    event: event ?? '',
    request: request_id ?? '',
    of: [kind, pid && `process ${pid}`, version && `memmux ${version}`, database].filter(Boolean).join(', '),
    rest: Object.entries(rest).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' '),
  }));
}

// Return groups of which one memory may stay and the others may go, the first of them; more: whether there are others; notes:
// sentences on the answer.
export async function duplicates() {
  const groups = [];
  let [after, notes] = [0, []];
  do {
    const said = await ask('duplicates', { query: { after, limit: 100, namespace: EVERYWHERE } });
    for (const { members } of said.groups) groups.push({ keep: read(members[0].memory), others: members.slice(1).map(looked) });
    [after, notes] = [said.next, said.notes ?? []];
  } while (after !== null && groups.length < 100);
  return { groups, more: after !== null, notes };
}

export async function superseded() {
  const said = await ask('superseded', { query: { limit: 200, namespace: EVERYWHERE } });
  const groups = chains(said.memories.filter((one) => !one.deleted).map((one) => ({ memory: looked(one), by: one.by && read(one.by) })));
  return { groups, more: said.total > said.memories.length, notes: said.notes ?? [] };
}

const looked = ({ memory: one, etag }) => ({ ...read(one), etag });

// Delete of a kind, `duplicates` or `superseded`, what may go and is in the states of a look; or look: which they are as ids,
// their states, and the changes that undo takes as seqs.
export const cleanUp = (kind, states = null) => ask(kind, { method: 'POST', body: { namespace: EVERYWHERE, ...(states ? { states } : { limit: MOST, dry_run: true }) } });

// Return where an export is downloaded.
export const exportAddress = (vectors) => located('export', { vectors: vectors && 'true' });

// Take in an export; far: told how far that is. Returns words, the changes that undo takes, and what did not work.
export async function importFile(files, { namespace }, far, signal) {
  const report = await upload('import', files[0], { namespace }, (line) => far({ ...line, words: progressed(line) }), signal);
  const known = (report.problems ?? []).slice(0, NAMED).filter((one) => one.id && one.status !== 'broken');
  await Promise.all(known.map(async (one) => (one.text = await memory(one.id).then(({ content }) => content, () => ''))));
  return { words: reported(report, report.stopped ? 'Stopped; imported until then' : 'Imported'), changes: changesOf(report), problems: problemsOf(report) };
}

// Cut documents into memories, one file after the other; the rest as of `importFile`.
export async function ingestFiles(files, { namespace, tags: labels }, far, signal) {
  const found = { changes: [], problems: [] };
  let [chunks, same, failed] = [0, 0, 0];
  for (const [index, file] of files.entries()) {
    far({ done: index, total: files.length, words: `${index + 1} of ${files.length}: ${file.name}` });
    try {
      const report = await upload('ingest', file, { namespace, tag: labels }, () => {}, signal);
      chunks += report.chunks ?? 0;
      same += report.skipped ?? 0;
      found.changes.push(...changesOf(report));
      found.problems.push(...problemsOf(report));
      if (report.stopped) return { ...found, words: `Ingested ${counted(index, 'file')} of ${files.length} and a part of ${file.name}, then stopped` };
    } catch (error) {
      if (error.name === 'AbortError' && index > 0) {
        return { ...found, words: `Ingested ${counted(index, 'file')} of ${files.length}, then stopped` };
      }
      if (error.name === 'AbortError' || error.status === 401) throw error;
      failed += 1;
      found.problems.push(`${file.name}: ${sentence(error)}`);
    }
  }
  const taken = files.length - failed - same;
  const words = [taken && `Ingested ${counted(taken, 'file')} as ${counted(chunks, 'memory', 'memories')}`, same && `${counted(same, 'file')} unchanged`, failed && `${counted(failed, 'file')} not read`];
  return { ...found, words: words.filter(Boolean).join(', ') };
}

// Send a file. Once it is there and worked on, `signal` has it end with a report of what was done; before, there is none.
async function upload(path, file, query, far, signal) {
  const headers = { 'Content-Type': 'application/octet-stream' };
  const sending = new AbortController();
  let id = null;
  const stop = () => (id ? ask(`uploads/${id}/stop`, { method: 'POST' }).catch(() => sending.abort()) : sending.abort());
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    const response = await checked(await fetch(located(path, { ...query, filename: file.name }), { method: 'POST', headers, body: file, signal: sending.signal }));
    let report = {};
    for await (const line of linesOf(response.body)) {
      const said = JSON.parse(line);
      if (said.error) throw new Problem(said.error.status ?? 400, said.error);
      if (said.report) report = said.report;
      else if (said.upload) id = said.upload;
      else far(said);
    }
    return report;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function progressed({ done, total, memories }) {
  const share = total ? `${Math.floor((100 * done) / total)} %` : '';
  return [share, memories && counted(memories, 'memory', 'memories')].filter(Boolean).join(', ');
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const lines = (rest + read.value).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim()) yield line;
  }
  if (rest.trim()) yield rest;
}

function reported(report, word) {
  const parts = ['created', 'updated', 'merged', 'skipped'].filter((name) => report[name]).map((name) => `${report[name]} ${name}`);
  return `${word}: ${parts.join(', ') || 'nothing new'}`;
}

function changesOf({ undo: words }) {
  return [...(words ?? [])].reverse().map((range) => String(range).split('-').map(Number)); // it has the newest first
}

// An id alone tells nobody which memory it is: its line does, where there is one.
const problemsOf = ({ problems = [] }) => problems.map(({ line, path, id, status, message, text }) => [line && `line ${line}`, path, text && `“${beginning(text, 60)}”`, status, message, !line && !text && id].filter(Boolean).join(': '));
