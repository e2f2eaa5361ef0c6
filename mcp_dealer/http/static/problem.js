// Whatever fails, in sentences for people: what it was, and what helps.

// An answer that is a problem (RFC 9457).
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail || said.title || `status ${status}`);
    Object.assign(this, { name: 'Problem', status, code: said.code || '', detail: said.detail || '', faults: said.errors ?? [], seq: said.seq });
  }
}

export const SILENT = 'memmux does not answer. This page asks again by itself; if it stays so, say “memmux web” in a terminal, which starts it.';
const SENTENCES = {
  undo_conflict: 'It can’t be undone by itself: the memory was changed again since, or another has its text. Undo or delete that first.',
  not_found: 'It is not there any more: somebody has deleted it, or it was purged.',
  precondition_failed: 'Somebody else changed it meanwhile. Open it again to see what it says now.',
  overloaded: 'memmux has more to do than it can do at once. Try again in a moment.',
  draining: 'memmux is being stopped or replaced. Try again in a moment.',
  deadline_exceeded: 'memmux did not finish in time. Try again in a moment, or ask for less.',
  storage_full: 'The disk is full. Make room on it, then try again.',
};
const FIELDS = { as_of: 'The change to go back to', asof: 'The change to go back to', time_expr: 'The time', tag: 'The tag', tags: 'A tag', memory_type: 'The type', query: 'The search', namespace: 'The namespace', content: 'The text', metadata: 'The metadata', mode: 'The way to search' };
const FAULTS = { int_parsing: 'must be a whole number', too_long: 'has too many entries', greater_than_equal: 'is too small', less_than_equal: 'is too large', string_too_short: 'must not be empty', missing: 'is missing', enum: 'is none that there is' };
const TOO_LONG = /at most (\d+) char/;

// Return the sentences that say what failed.
export function sentence(error) {
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message)) return SILENT;
  if (!(error instanceof Problem)) return plain(String(error?.message ?? error));
  const [fault] = error.faults;
  if (fault) return `${faulty(fault)}.`;
  if (SENTENCES[error.code]) return SENTENCES[error.code];
  if (error.status === 401) return 'You are signed out. Say “memmux web” in a terminal to sign in again.';
  if (error.status >= 500 && error.status !== 503) return 'memmux met an error of its own. Health shows its log; try again.';
  return plain(error.detail || 'That did not work');
}

// Return a text of the server as a sentence: without marks of Markdown, and with an end.
export function plain(text) {
  const words = text.replace(/`([^`]*)`/g, '“$1”').trim();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?…]$/.test(words) ? '' : '.'}`;
}

function faulty({ loc = [], msg = '', type = '' }) {
  const name = loc.filter((one) => typeof one === 'string').slice(1).find((one) => FIELDS[one]);
  const most = msg.match(TOO_LONG)?.[1];
  return `${FIELDS[name] ?? 'Something in the address or a field'} ${most ? `may have ${most} characters at most` : (FAULTS[type] ?? 'is not as it must be')}`;
}
