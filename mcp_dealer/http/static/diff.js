// What is different between two texts, by words, after Myers ("An O(ND) difference algorithm", 1986).
import { element } from './dom.js';

const MOST = 4000; // words of both texts; longer ones are compared by lines
const LONGEST = 8000; // characters of one stretch that are shown
const FURTHEST = 1500; // differences; two texts that are further apart are shown one after the other

// Return pieces, each with `kind` (same, gone, come) and `text`.
export function pieces(before, after) {
  const words = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
  const lines = (text) => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let [old, now] = [words(before), words(after)];
  if (old.length + now.length > MOST) [old, now] = [lines(before), lines(after)];
  let first = 0;
  while (first < old.length && first < now.length && old[first] === now[first]) first += 1;
  let last = 0;
  while (last < old.length - first && last < now.length - first && old[old.length - 1 - last] === now[now.length - 1 - last]) last += 1;
  const middle = steps(old.slice(first, old.length - last), now.slice(first, now.length - last));
  const same = (part) => part.map((text) => ({ kind: 'same', text }));
  return joined([...same(old.slice(0, first)), ...middle, ...same(old.slice(old.length - last))]);
}

// Return the two texts as one, with what went and what came marked; the middle of long stretches is left out.
export function difference(before, after) {
  const shortened = (text, most) => (text.length > most ? `${text.slice(0, most / 2)} […] ${text.slice(-most / 2)}` : text);
  const parts = pieces(before, after).map(({ kind, text }) => {
    if (kind === 'same') return shortened(text, 320);
    return element(kind === 'gone' ? 'del' : 'ins', {}, shortened(text, LONGEST));
  });
  return element('div', { class: 'difference', dir: 'auto' }, parts);
}

function steps(old, now) {
  const [n, m] = [old.length, now.length];
  const whole = [...old.map((text) => ({ kind: 'gone', text })), ...now.map((text) => ({ kind: 'come', text }))];
  if (n === 0 || m === 0) return whole;
  const reach = Math.min(n + m, FURTHEST);
  const furthest = new Int32Array(2 * reach + 2);
  const trace = [];
  for (let d = 0; d <= reach; d += 1) {
    trace.push(furthest.slice(reach - d, reach + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[reach + k - 1] < furthest[reach + k + 1]);
      let x = down ? furthest[reach + k + 1] : furthest[reach + k - 1] + 1;
      while (x < n && x - k < m && old[x] === now[x - k]) x += 1;
      furthest[reach + k] = x;
      if (x >= n && x - k >= m) return back(trace, d, old, now);
    }
  }
  return whole;
}

function back(trace, last, old, now) {
  const found = [];
  let [x, y] = [old.length, now.length];
  for (let d = last; d >= 0; d -= 1) {
    const at = (k) => trace[d][d + k] ?? 0;
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(from);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      found.push({ kind: 'same', text: old[x] });
    }
    if (d > 0 && down) found.push({ kind: 'come', text: now[(y -= 1)] });
    else if (d > 0) found.push({ kind: 'gone', text: old[(x -= 1)] });
  }
  return found.reverse();
}

function joined(parts) {
  const found = [];
  for (const { kind, text } of parts) {
    const last = found.at(-1);
    if (last?.kind === kind) last.text += text;
    else found.push({ kind, text });
  }
  return found;
}
