/**
 * Small parts that views share: headings, badges, notices, filters.
 * @module
 */

import { ApiError } from "./api.js";
import { fill, h } from "./dom.js";
import { hashOf } from "./router.js";

/**
 * How good a state is; whatever is not listed is neutral.
 * @type {Record<string, string>}
 */
const TONES = {
  ok: "good", active: "good", up: "good", connected: "good", "in sync": "good", live: "good",
  "at risk": "fair", installing: "fair", accepted: "fair", deleting: "fair", connecting: "fair", drained: "fair",
  degraded: "poor", down: "bad", disconnected: "bad", congested: "bad", lost: "bad",
};

/**
 * A state in a word, with its colour; the word says it all.
 * @param {string} state
 * @param {string} [tone]
 */
export function badge(state, tone = TONES[state] ?? "neutral") {
  return h("span", { class: `badge ${tone}` }, state);
}

/**
 * The heading of a view; it gets the focus when the view is opened.
 * @param {...import("./dom.js").Child} children
 */
export function heading(...children) {
  return h("h1", { tabindex: "-1" }, children);
}

/**
 * A line that says what is amiss; empty while nothing is. Screen readers read it when it changes.
 * @returns {{element: HTMLElement, say: (text: string | null) => void}}
 */
export function notice() {
  const element = h("p", { class: "notice", role: "status", hidden: true });
  return {
    element,
    say: (text) => {
      fill(element, text ?? "");
      element.hidden = !text;
    },
  };
}

/**
 * Why a chart or table has nothing to show.
 * @param {...import("./dom.js").Child} children
 */
export function emptiness(...children) {
  return h("p", { class: "empty" }, children);
}

/**
 * What went wrong, for people.
 * @param {unknown} error
 */
export function fault(error) {
  return error instanceof ApiError ? error.message : `The page has a fault: ${error}`;
}

/**
 * Fields that say what is shown. A change goes into the address, which opens the view anew.
 * @param {string} view
 * @param {URLSearchParams} query
 * @param {{name: string, label: string, options?: string[], placeholder?: string, usual?: string}[]} fields what is usual counts where nothing is said; without it, all is shown
 */
export function filters(view, query, fields) {
  const form = h("form", { class: "filters", role: "search", "aria-label": "Filters" });
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {Record<string, string>} */
    const asked = {};
    for (const control of form.elements) {
      if (control instanceof HTMLInputElement || control instanceof HTMLSelectElement) asked[control.dataset.name ?? ""] = control.value.trim();
    }
    location.hash = hashOf(view, [], asked);
  };
  form.addEventListener("submit", apply);
  form.addEventListener("change", apply);
  for (const { name, label, options, placeholder, usual } of fields) {
    const value = query.get(name) || (usual ?? "");
    const known = options && value && !options.includes(value) ? [...options, value] : options;
    const control = known
      ? h("select", { "data-name": name }, usual ? null : h("option", { value: "" }, "all"), known.map((one) => h("option", { value: one, selected: one === value }, one)))
      : h("input", { "data-name": name, type: "search", value, placeholder: placeholder ?? "all", autocomplete: "off", spellcheck: "false" });
    form.append(h("label", {}, h("span", {}, label), control));
  }
  return form;
}

/**
 * Names and values.
 * @param {[string, import("./dom.js").Child | import("./dom.js").Child[]][]} pairs
 */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/**
 * A link to an intent.
 * @param {{kind: string, tenant: string, name: string}} key
 */
export function intentLink({ kind, tenant, name }) {
  return h("a", { href: hashOf("intents", [kind, tenant, name]) }, `${kind}/${tenant}/${name}`);
}

/**
 * A link to a switch, or to one of its ports.
 * @param {string} name
 * @param {number} [port]
 */
export function switchLink(name, port) {
  return h("a", { href: hashOf("switches", [name]) }, port === undefined ? name : `${name}:${port}`);
}
