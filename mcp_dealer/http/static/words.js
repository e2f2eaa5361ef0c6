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

export const short = (id) => id.slice(0, 8);
