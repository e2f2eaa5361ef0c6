// The state of the page is its address: reload and back restore it.

const LISTS = ['tag'];
const TEXTS = ['view', 'q', 'mode', 'namespace', 'type', 'when', 'asof', 'memory', 'by', 'days', 'show', 'request', 'deleted', 'far'];
const FILTERS = ['q', 'mode', 'namespace', 'tag', 'type', 'when', 'asof', 'deleted', 'far'];
const listeners = new Set();

// Return the state that the address says: a text for each name, '' where it is not there; `tag` is a list.
export function state() {
  const said = new URLSearchParams(location.search);
  const found = Object.fromEntries(TEXTS.map((name) => [name, said.get(name) ?? '']));
  for (const name of LISTS) found[name] = said.getAll(name);
  found.view ||= 'memories';
  return found;
}

// Return the address of a state.
export function address(wanted) {
  const query = new URLSearchParams();
  for (const name of [...TEXTS, ...LISTS]) {
    for (const value of [wanted[name] ?? ''].flat()) {
      if (value !== '' && !(name === 'view' && value === 'memories')) query.append(name, value);
    }
  }
  const text = query.toString();
  return text ? `/?${text}` : '/';
}

// Go to another state, which is this one but for what is given; replace: in place of this one, as while somebody types.
export function go(changes, { replace = false, fresh = false } = {}) {
  const next = address(fresh ? changes : { ...state(), ...changes });
  if (next === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', next);
  tell();
}

// Call a function at each change of the state.
export function watch(listener) {
  listeners.add(listener);
}

// Return the part of a state that says which memories are listed.
export function filters(of) {
  return Object.fromEntries(FILTERS.map((name) => [name, of[name]]));
}

function tell() {
  for (const listener of listeners) listener(state());
}

addEventListener('popstate', tell);
// Links within the page change the state, and load nothing.
addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[href^="/"]') : null;
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.hasAttribute('download') || !/^\/(\?|$)/.test(link.getAttribute('href'))) return;
  event.preventDefault();
  if (link.getAttribute('href') === location.pathname + location.search) return;
  history.pushState(null, '', link.getAttribute('href'));
  tell();
});
