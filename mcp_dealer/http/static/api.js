// The REST resources, as the views need them: the one place that knows their shapes.

// An answer that is a problem (RFC 9457): title, detail, code and status.
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail || said.title || `status ${status}`);
    Object.assign(this, { name: 'Problem', status, title: said.title || `Status ${status}`, detail: said.detail || '', code: said.code || '' });
  }
}

// Return title and detail of whatever failed.
export function problemOf(error) {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return { title: 'memmux does not answer', detail: 'it is asked again by itself; `memmux status` says whether it runs', code: '' };
  return { title: 'That did not work', detail: String(error?.message ?? error), code: '' };
}

// Ask, and return the JSON of the answer.
async function ask(path, { method = 'GET', query = {}, body, signal } = {}) {
  const response = await fetch(located(path, query), {
    method,
    signal,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
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
