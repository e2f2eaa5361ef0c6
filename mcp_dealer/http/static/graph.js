// What is linked with a memory, what it replaced, and what is near it: a picture, and the same as a list.
import { address, state } from './address.js';
import { drawn, element, fill, said } from './dom.js';
import { apart, beginning, lines, short } from './words.js';

// Of a phone it is smaller, so that its words can be read there.
const [WIDTH, HEIGHT, MARGIN, WORDS] = matchMedia('(max-width: 480px)').matches ? [400, 440, 60, 14] : [760, 520, 92, 24];
const MOST = 40; // memories in the picture; the list has all
const TURNS = 300; // of the layout
const UNTANGLED = 40; // times that nodes are moved apart after it
const LABEL = 44; // the height of a node with its words

// Return the picture and the list; linked: nodes and links, near: hits, versions: memories that came before and after it.
export function drawGraph(memory, linked, near, versions = []) {
  const nodes = new Map([[memory.id, { id: memory.id, memory, distance: 0 }]]);
  for (const node of linked.nodes) if (!nodes.has(node.id)) nodes.set(node.id, node);
  for (const one of versions) if (!nodes.has(one.id)) nodes.set(one.id, { id: one.id, memory: one, distance: 1 });
  for (const hit of near) if (!nodes.has(hit.memory.id)) nodes.set(hit.memory.id, { id: hit.memory.id, memory: hit.memory, distance: 1, near: hit.similarity });
  const edges = linked.links.map((link) => ({ source: link.source, target: link.target, words: link.relation || link.types.join(', ') || 'linked', kind: 'link' }));
  for (const { id, memory: one } of nodes.values()) {
    if (one?.superseded_by && nodes.has(one.superseded_by)) edges.push({ source: one.superseded_by, target: id, words: 'replaces', kind: 'replaces' });
  }
  const joined = new Set(edges.flatMap(({ source, target }) => [`${source} ${target}`, `${target} ${source}`]));
  for (const hit of near) {
    if (!joined.has(`${memory.id} ${hit.memory.id}`)) edges.push({ source: memory.id, target: hit.memory.id, words: `${Math.round(hit.similarity * 100)} %`, kind: 'near' });
  }
  if (nodes.size === 1) return element('div', { class: 'empty small' }, element('p', {}, 'Nothing is linked with it, it replaces nothing, and it has no near relative.'));
  const shown = [...nodes.values()].slice(0, MOST);
  const ids = new Set(shown.map((node) => node.id));
  const drawnEdges = edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target));
  return [picture(shown, drawnEdges, memory.id), legend(drawnEdges), list(nodes, edges, memory.id)];
}

function picture(nodes, edges, middle) {
  place(nodes, edges, middle);
  const at = new Map(nodes.map((node) => [node.id, node]));
  const paths = edges.map((edge) => {
    const [a, b] = [at.get(edge.source), at.get(edge.target)];
    const line = drawn('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: `edge ${edge.kind}`, 'marker-end': edge.kind === 'replaces' ? 'url(#arrow)' : null });
    const turned = (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
    const back = Math.abs(turned) > 90;
    const [x, y] = [a.x * 0.45 + b.x * 0.55, a.y * 0.45 + b.y * 0.55];
    const said_ = edge.kind === 'link' ? (back ? `← ${beginning(edge.words, 18)}` : `${beginning(edge.words, 18)} →`) : edge.words;
    const words = drawn('text', { class: 'edge-words', 'text-anchor': 'middle', transform: `translate(${x} ${y}) rotate(${back ? turned + 180 : turned}) translate(0 -4)` }, said_);
    return [line, edges.length <= 24 && words];
  });
  const full = element('p', { class: 'graph-full', dir: 'auto' });
  const tell = (node) => fill(full, node.memory ? beginning(node.memory.content, 400) : 'not here any more');
  const labels = apart(nodes.map((node) => node.memory?.content ?? 'not here any more'), 2 * WORDS);
  const dots = nodes.map((node, index) => {
    const own = node.id === middle;
    const said_ = lines(labels[index], own ? WORDS + 6 : WORDS).map((line, row) => drawn('tspan', { x: 0, dy: row ? 14 : 0 }, line));
    const above = !own && node.y < at.get(middle).y; // where its own edge does not run through it
    const label = drawn('text', { x: 0, y: above ? -14 * said_.length : own ? 26 : 21, 'text-anchor': 'middle', class: 'node-words' }, said_);
    const dot = drawn('circle', { r: own ? 11 : 7 });
    const attributes = { class: `node ${own ? 'own' : ''} ${node.near ? 'near' : ''} ${node.memory ? '' : 'missing'}`, transform: `translate(${node.x} ${node.y})`, onpointerenter: () => tell(node), onfocus: () => tell(node) };
    if (own || !node.memory) return drawn('g', attributes, dot, label);
    return drawn('a', { ...attributes, href: address({ ...state(), memory: node.id, show: 'graph' }), 'aria-label': beginning(node.memory.content, 80) }, dot, label);
  });
  tell(at.get(middle));
  const arrow = drawn('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 16, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' }, drawn('path', { d: 'M0 0L8 4L0 8z', class: 'arrow' }));
  const svg = drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'group', 'aria-label': 'Links, versions and near relatives; the list below says the same' }, drawn('defs', {}, arrow), paths, dots);
  return element('div', { class: 'graph' }, svg, full);
}

function legend(edges) {
  const kinds = [['link', 'a link'], ['replaces', 'replaces'], ['near', 'a near relative, and how near']];
  const there = kinds.filter(([kind]) => edges.some((edge) => edge.kind === kind));
  return element('ul', { class: 'legend' }, there.map(([kind, words]) => element('li', {}, element('span', { class: `key ${kind}` }), words)));
}

// Springs along edges, and all pushing each other away, from a circle on: the same picture each time.
function place(nodes, edges, middle) {
  nodes.forEach((node, index) => {
    const turn = ((index + 0.5) * 2 * Math.PI) / Math.max(1, nodes.length - 1);
    const radius = node.id === middle ? 0 : 120 + 70 * node.distance;
    Object.assign(node, { x: WIDTH / 2 + radius * Math.cos(turn) * 1.3, y: HEIGHT / 2 + radius * Math.sin(turn) });
  });
  const at = new Map(nodes.map((node) => [node.id, node]));
  const room = Math.min(180, Math.sqrt((WIDTH * HEIGHT) / nodes.length) * 0.85);
  for (let turn = 0; turn < TURNS; turn += 1) {
    const reach = 22 * (1 - turn / TURNS) + 0.5;
    for (const node of nodes) [node.dx, node.dy] = [(WIDTH / 2 - node.x) * 0.02, (HEIGHT / 2 - node.y) * 0.03];
    for (const a of nodes) {
      for (const b of nodes) {
        if (a === b) continue;
        const [dx, dy] = [(a.x - b.x) * 0.8 || 0.1, (a.y - b.y) * 1.3 || 0.1];
        const far = Math.hypot(dx, dy);
        a.dx += (dx / far) * ((room * room) / far) * 0.16;
        a.dy += (dy / far) * ((room * room) / far) * 0.16;
      }
    }
    for (const { source, target } of edges) {
      const [a, b] = [at.get(source), at.get(target)];
      const [dx, dy] = [b.x - a.x, b.y - a.y];
      const far = Math.hypot(dx, dy) || 1;
      const pull = (far - room) * 0.08;
      a.dx += (dx / far) * pull;
      a.dy += (dy / far) * pull;
      b.dx -= (dx / far) * pull;
      b.dy -= (dy / far) * pull;
    }
    for (const node of nodes) {
      if (node.id === middle) continue;
      const far = Math.hypot(node.dx, node.dy) || 1;
      node.x = Math.max(MARGIN, Math.min(WIDTH - MARGIN, node.x + (node.dx / far) * Math.min(far, reach)));
      node.y = within(node.y + (node.dy / far) * Math.min(far, reach));
    }
  }
  for (let turn = 0; turn < UNTANGLED; turn += 1) nodes.forEach((a, index) => nodes.slice(index + 1).forEach((b) => part(a, b, middle)));
}

const within = (y) => Math.max(52, Math.min(HEIGHT - 54, y));

// Move two nodes apart whose words would cover each other.
function part(a, b, middle) {
  if (Math.abs(a.x - b.x) >= WORDS * 6.6 || Math.abs(a.y - b.y) >= LABEL) return;
  const by = (LABEL - Math.abs(a.y - b.y)) / 2 + 0.5;
  const [upper, lower] = a.y <= b.y ? [a, b] : [b, a];
  if (upper.id !== middle) upper.y = within(upper.y - by);
  if (lower.id !== middle) lower.y = within(lower.y + by);
}

function list(nodes, edges, middle) {
  const link = (id) => {
    const found = nodes.get(id)?.memory;
    if (!found) return said(short(id));
    return element('a', { href: address({ ...state(), memory: id, show: '' }), dir: 'auto' }, beginning(found.content, 120));
  };
  const mark = ({ kind, words }, back) => {
    if (kind === 'replaces') return back ? 'replaces this one' : 'is replaced by this one';
    return kind === 'near' ? `near, ${words}` : [back ? '← ' : '→ ', said(words)];
  };
  const items = edges.map((edge) => {
    const back = edge.target === middle;
    if (back || edge.source === middle) return element('li', {}, element('span', {}, link(back ? edge.source : edge.target)), element('span', { class: 'mark' }, mark(edge, back)));
    return element('li', {}, element('span', {}, link(edge.source), edge.kind === 'replaces' ? ' replaces ' : ' → ', link(edge.target)), element('span', { class: 'mark' }, edge.kind === 'replaces' ? '' : mark(edge, false)));
  });
  return element('section', {}, element('h2', {}, 'The same as a list'), element('ul', { class: 'brief edges' }, items));
}
