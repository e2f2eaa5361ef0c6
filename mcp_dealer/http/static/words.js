// Times, numbers and sizes in words.

const NUMBER = new Intl.NumberFormat('en');
const DAY = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' });
const WHOLE = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const STEPS = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];
const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

export const number = (value) => (value === null || value === undefined ? '–' : NUMBER.format(value));

export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export const day = (at) => DAY.format(new Date(at));

export const whole = (at) => WHOLE.format(new Date(at));

// Return how long ago, such as "3 days ago"; at: milliseconds, or a text in ISO 8601.
export function ago(at) {
  const seconds = (new Date(at).getTime() - Date.now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return AGO.format(Math.trunc(seconds / length), unit);
  }
  return 'just now';
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

export function bytes(count) {
  if (count === null || count === undefined) return '–';
  if (count < 1024) return `${count} B`;
  return count < 1048576 ? `${Math.round(count / 1024)} KiB` : `${(count / 1048576).toFixed(1)} MiB`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${number(Math.round(value))} ms`;
}

// Return how a text begins, on one line and without the marks of Markdown; length: in characters.
export function beginning(text, length = 240) {
  const line = text.slice(0, length * 4).replace(/^#{1,6} |^[-*+>] |\*\*|`{1,3}/gm, '').replace(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length > length ? `${characters.slice(0, length).join('')}…` : line;
}

// Return the part of an id that differs from others of the same second: its end, as its beginning is a time.
export const short = (id) => (id.length > 8 ? `…${id.slice(-8)}` : id);

// Return texts on one line; of one whose first characters, up to a length, are like another's, from before the difference on.
export function apart(texts, length) {
  const flat = texts.map((text) => beginning(text, 4000));
  return flat.map((text, at) => {
    const alike = Math.max(0, ...flat.map((other, index) => (index === at || other === text ? 0 : common(text, other))));
    if (text.length <= length || alike < length * 0.7) return text;
    const from = text.slice(0, Math.max(0, alike - 10)).lastIndexOf(' ') + 1;
    return from > 0 ? `…${text.slice(from)}` : text;
  });
}

// Return a text in lines of a length, broken between words; what does not fit into the last of them is left out.
export function lines(text, length, most = 2) {
  const found = [''];
  for (const word of text.split(' ')) {
    const longer = found.at(-1) ? `${found.at(-1)} ${word}` : word;
    if (longer.length <= length || !found.at(-1)) found[found.length - 1] = longer;
    else found.push(word);
  }
  const shown = found.slice(0, most).map((line) => (line.length > length ? `${line.slice(0, length - 1)}…` : line));
  if (found.length > most) shown.push(`${shown.pop().replace(/[…,;:.]$/, '')}…`);
  return shown;
}

function common(a, b) {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
