// Elements made of names and texts. Nothing is ever read as markup: a child is a node, or it is text.

const SVG = 'http://www.w3.org/2000/svg';

// Return an element. attributes: a function is a listener, true an empty attribute, null and false none at all.
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

// Return an element of SVG.
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// Return a text of somebody else, which stands alone: its direction does not reach what is around it.
export function said(text, attributes = {}) {
  return element('bdi', attributes, String(text));
}

// Return a button that does something.
export function button(label, onclick, attributes = {}) {
  return element('button', { type: 'button', onclick, ...attributes }, label);
}

// Put children in place of those that are there.
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

// Return a field with its label above.
export function labelled(label, field, hint = null) {
  return element('label', { class: 'field' }, element('span', { class: 'label' }, label), field, hint && element('small', {}, hint));
}

// Return a select; options: values, or pairs of value and words.
export function select(options, value, attributes = {}) {
  const list = element('select', attributes);
  for (const option of options) {
    const [own, words] = Array.isArray(option) ? option : [option, option];
    list.append(element('option', { value: own, selected: own === value }, words));
  }
  list.value = value;
  return list;
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') made.addEventListener(name.replace(/^on/, ''), value);
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...nodes(children));
  return made;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== '');
}
