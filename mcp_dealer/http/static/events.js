// What happens, as it happens: one stream of events, which is opened again whenever it breaks.
import { newest } from './api.js';

const KINDS = ['memory_stored', 'memory_updated', 'memory_deleted', 'memory_restored', 'memory_loaded'];
const QUIET_MS = 400; // changes that come closer together are told once
const [SOON_MS, LATE_MS] = [500, 15000]; // between two tries
let source = null;
let pause = SOON_MS;
let last = ''; // the id of the last event, from which another stream goes on
let told = null;
let trying = null;
let state = 'connecting';

// Begin to listen. Tells `memories-changed` (detail: the events), `status-changed` and `connection-changed`.
export function listen() {
  source?.close();
  const query = new URLSearchParams({ status: '1', ...(last && { after_seq: last }) });
  source = new EventSource(`/api/events?${query}`);
  source.addEventListener('open', () => {
    pause = SOON_MS;
    if (state === 'lost') changed([]); // whatever was missed
    connection('live');
  });
  source.addEventListener('error', () => {
    source.close(); // its own tries end at the first answer that is no stream
    connection('lost');
    trying = setTimeout(listen, pause);
    pause = Math.min(LATE_MS, pause * 2);
    newest().catch(() => {}); // a stream does not say that whoever looks is signed out
  });
  for (const kind of KINDS) source.addEventListener(kind, (event) => changed([read(event)]));
  source.addEventListener('reset', () => changed([])); // the log went back, as by a restored backup
  source.addEventListener('status', (event) => dispatchEvent(new CustomEvent('status-changed', { detail: read(event) })));
}

// Listen no more.
export function hangUp() {
  source?.close();
  clearTimeout(trying);
  source = null;
  connection('out');
}

function read(event) {
  if (event.lastEventId) last = event.lastEventId;
  return JSON.parse(event.data);
}

let waiting = [];
function changed(events) {
  waiting.push(...events);
  told ??= setTimeout(() => {
    const detail = waiting;
    [told, waiting] = [null, []];
    dispatchEvent(new CustomEvent('memories-changed', { detail }));
  }, QUIET_MS);
}

function connection(now) {
  if (now === state) return;
  state = now;
  dispatchEvent(new CustomEvent('connection-changed', { detail: now }));
}
