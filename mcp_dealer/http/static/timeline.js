// How many memories were stored each day, by whom or of what kind; and what there was at any time.
import { span, timeline } from './api.js';
import { address, go } from './address.js';
import { element, fill, labelled, said, select } from './dom.js';
import { ago, counted, number, whole } from './words.js';

const DAY_MS = 86400000;
const FEWEST = 14; // days that are shown
const BY = ['client', 'type', 'tag', 'namespace'];
const DAYS = [['30', '30 days'], ['90', '90 days'], ['365', 'a year'], ['', 'all of it']];

export function open(root) {
  const by = select(BY, 'client');
  const days = select(DAYS, '90');
  const note = element('p', { class: 'muted', hidden: true }, 'A memory counts once for each of its tags.');
  const chart = element('div', { class: 'chart' });
  const key = element('ul', { class: 'chart-key' });
  const numbers = element('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Memories stored each day' });
  const slider = element('input', { type: 'range', min: 1, step: 1 });
  const when = element('output', { class: 'when' });
  const there = element('a', { class: 'button' }, 'Show the memories of then');
  const past = element('section', { class: 'card' }, element('h2', {}, 'As it was'), element('p', { class: 'muted' }, 'Every change has a number. Go back along them, and see what was there then.'), labelled('after change', slider), element('div', { class: 'row-of' }, when, there));
  fill(
    root,
    element(
      'div',
      { class: 'view' },
      element('header', { class: 'view-head' }, element('h1', {}, 'Time line'), element('div', { class: 'controls' }, labelled('by', by), labelled('of', days))),
      element('section', { class: 'card' }, element('h2', {}, 'Memories stored a day'), note, chart, key, element('details', {}, element('summary', {}, 'As a table'), numbers)),
      past,
    ),
  );
  by.addEventListener('change', () => go({ by: by.value }));
  days.addEventListener('change', () => go({ days: days.value || 'all' }));

  let plot = null;
  let data = null;
  let log = null;
  const draw = () => {
    plot?.destroy();
    plot = data && data.drawn.length > 0 ? drawChart(chart, { days: data.days, series: data.drawn }) : null;
  };
  const sized = new ResizeObserver(() => plot && chart.clientWidth > 0 && Math.abs(plot.width - chart.clientWidth) > 1 && plot.setSize({ width: chart.clientWidth, height: 280 }));
  sized.observe(chart);
  addEventListener('theme-changed', draw);

  let looking = null;
  const tell = async () => {
    const seq = Number(slider.value);
    slider.setAttribute('aria-valuetext', `change ${seq}`);
    there.setAttribute('href', address({ view: 'memories', asof: seq >= log.last ? '' : String(seq) }));
    fill(when, `change ${number(seq)} of ${number(log.last)}`);
    looking?.abort();
    looking = new AbortController();
    const at = await log.at(seq, looking.signal).catch(() => null);
    if (at) fill(when, `change ${number(seq)} of ${number(log.last)} · ${whole(at)} · ${ago(at)}`);
  };
  slider.addEventListener('input', tell);
  slider.addEventListener('change', () => go({ asof: slider.value }, { replace: true }));

  let shown = null;
  return {
    async update(of) {
      by.value = of.by || 'client';
      days.value = of.days === 'all' ? '' : of.days || '90';
      const wanted = `${by.value} ${days.value}`;
      if (wanted !== shown) {
        shown = wanted;
        data = arranged(await timeline(by.value, days.value), by.value);
        note.hidden = by.value !== 'tag';
        data.drawn = data.series.filter((one) => by.value !== 'tag' || !one.rest); // the many rare tags would hide the few
        draw();
        if (data.drawn.length === 0) fill(chart, element('div', { class: 'empty small' }, element('p', {}, 'Nothing was stored in that time.')));
        fill(key, data.series.map((one, index) => element('li', {}, element('span', { class: `swatch s${index}`, hidden: !data.drawn.includes(one), 'aria-hidden': 'true' }), said(one.name), element('span', { class: 'muted' }, ` ${number(one.total)}${data.drawn.includes(one) ? '' : ', not drawn'}`))));
        fill(numbers, table(data));
      }
      if (!log) {
        log = await span();
        past.hidden = log.last === 0;
        slider.max = Math.max(1, log.last);
        slider.value = of.asof || log.last;
        if (log.last) await tell();
      }
    },
    close() {
      sized.disconnect();
      plot?.destroy();
      removeEventListener('theme-changed', draw);
    },
  };
}

function drawChart(box, { days, series }) {
  fill(box);
  const css = getComputedStyle(document.documentElement);
  const color = (name) => resolved(css.getPropertyValue(name).trim());
  const times = days.map((day) => Date.parse(`${day}T00:00:00`) / 1000);
  const stacked = [];
  series.forEach((one, index) => stacked.push(one.counts.map((count, at) => count + (stacked[index - 1]?.[at] ?? 0))));
  const bars = window.uPlot.paths.bars({ size: [0.8, 48], align: 0 });
  const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line'), width: 1 }, font: '12px system-ui' };
  const options = {
    width: box.clientWidth || 600,
    height: 280,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true, range: (_, first, last) => [first - 43200, last + 43200] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.08)] } },
    axes: [{ ...axis, space: 70, values: (_, marks, __, ___, step) => marks.map((mark) => dateMark(mark, step)) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000] }],
    // The highest sum is drawn first, and those below it over it.
    series: [{}, ...stacked.map((_, index) => ({ label: series[series.length - 1 - index].name, paths: bars, points: { show: false }, width: 0, fill: color(`--s${series.length - 1 - index}`), stroke: color(`--s${series.length - 1 - index}`) }))],
  };
  const plot = new window.uPlot(options, [times, ...[...stacked].reverse()], box);
  const tip = element('div', { class: 'tip', hidden: true });
  plot.over.append(tip);
  plot.over.addEventListener('mousemove', () => {
    const at = plot.cursor.idx;
    tip.hidden = at === null || at === undefined;
    if (tip.hidden) return;
    const parts = series.map((one, index) => one.counts[at] > 0 && element('div', {}, element('span', { class: `swatch s${index}` }), said(one.name), ` ${number(one.counts[at])}`));
    fill(tip, element('strong', {}, days[at]), parts);
    const right = plot.cursor.left > plot.over.clientWidth / 2;
    tip.style.left = right ? '' : `${plot.cursor.left + 12}px`;
    tip.style.right = right ? `${plot.over.clientWidth - plot.cursor.left + 12}px` : '';
  });
  plot.over.addEventListener('mouseleave', () => (tip.hidden = true));
  return plot;
}

const MARKS = { day: { month: 'short', day: 'numeric' }, month: { month: 'short', year: 'numeric' } };

function dateMark(seconds, step) {
  return new Intl.DateTimeFormat('en', step >= 28 * 86400 ? MARKS.month : MARKS.day).format(new Date(seconds * 1000));
}

// A canvas knows no light-dark(); an element does.
function resolved(value) {
  const probe = element('span', { hidden: true });
  probe.style.color = value;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Return the days with no gap between them, and the series of the most stores first, the others as one.
function arranged({ days: known, groups, other }, by) {
  if (known.length === 0) return { days: [], series: [] };
  const today = Date.parse(new Date().toISOString().slice(0, 10));
  const end = Math.max(Date.parse(known.at(-1)), today);
  const start = Math.min(Date.parse(known[0]), end - (FEWEST - 1) * DAY_MS);
  const days = [];
  for (let at = start; at <= end; at += DAY_MS) days.push(new Date(at).toISOString().slice(0, 10));
  const place = new Map(days.map((day, index) => [day, index]));
  const series = (name, { stored }) => {
    const counts = new Array(days.length).fill(0);
    stored.forEach((count, index) => (counts[place.get(known[index])] = count));
    return { name, counts, total: stored.reduce((sum, count) => sum + count, 0) };
  };
  const own = groups.map((one) => series(one.name ?? '(none)', one)).filter((one) => one.total > 0);
  const rest = other ? [{ ...series(by === 'tag' ? 'other tags' : 'others', other), rest: true }].filter((one) => one.total > 0) : [];
  return { days, series: [...own.sort((a, b) => b.total - a.total), ...rest] };
}

function table({ days, series }) {
  const rows = days.map((day, at) => [day, at]).filter(([, at]) => series.some((one) => one.counts[at] > 0)).reverse();
  return element(
    'table',
    {},
    element('caption', {}, counted(series.reduce((sum, one) => sum + one.total, 0), 'store')),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'day'), series.map((one) => element('th', { scope: 'col', class: 'n' }, said(one.name))))),
    element('tbody', {}, rows.map(([day, at]) => element('tr', {}, element('th', { scope: 'row' }, day), series.map((one) => element('td', { class: 'n' }, one.counts[at] ? number(one.counts[at]) : '·'))))),
  );
}
