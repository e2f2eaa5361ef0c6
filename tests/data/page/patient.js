// For who looks late: what goes by itself after STAYS_MS stays, and `asking` counts the requests that are under way.
const { fetch, setTimeout } = window;
window.setTimeout = (act, delay, ...more) => (delay === STAYS_MS ? 0 : setTimeout(act, delay, ...more));
window.asking = 0;
window.fetch = (...asked) => {
  asking += 1;
  return fetch(...asked).finally(() => (asking -= 1));
};
