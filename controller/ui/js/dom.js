/**
 * Makes elements. Texts become text nodes, so whatever the wire says is shown and never read as markup;
 * the page's policy (Trusted Types) forbids any other way.
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";
const FORBIDDEN = /^on|^style$|^src|^xlink:/i;

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | Record<string, (event: any) => void>>} Attributes */

/**
 * Make an HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes] `on: {click: …}` listens; false, null and undefined are left out
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} [attributes]
 * @param {(Child | Child[])[]} [children]
 * @returns {E}
 */
function filled(element, attributes = {}, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value ?? {})) element.addEventListener(event, listener);
    } else {
      set(element, name, /** @type {any} */ (value));
    }
  }
  element.append(...nodes(children));
  return element;
}

/**
 * Set or remove an attribute.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function set(element, name, value) {
  if (FORBIDDEN.test(name)) throw new TypeError(`${name} is no attribute to be set here`);
  if (name === "href" && !/^(#|\.\.\/docs)/.test(String(value))) throw new TypeError(`${value} leads elsewhere`);
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : String(value));
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {Node[]}
 */
function nodes(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(printable(String(child)))));
}

/**
 * Put other children into an element, unless they say the same.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  const now = nodes(children);
  const same =
    now.length === element.childNodes.length &&
    now.every((node, index) => node.isEqualNode(element.childNodes[index]) && !listens(node));
  if (!same) element.replaceChildren(...now);
}

/**
 * Whether a node may have listeners, which equality does not compare.
 * @param {Node} node
 */
function listens(node) {
  return node instanceof Element && (node.matches("button, input, select") || !!node.querySelector("button, input, select"));
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A text with its control and direction characters made visible: a name must look like what it is.
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
  return text.replace(HIDDEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * The element of the page with an id, which is there.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}
