/**
 * Tables that are kept up to date: rows stay the elements they are while their cells change, so neither
 * focus nor selection is lost.
 * @module
 */

import { fill, h } from "./dom.js";

/**
 * @template T
 * @typedef {Object} Column
 * @property {string} title
 * @property {(item: T) => import("./dom.js").Child | import("./dom.js").Child[]} cell
 * @property {boolean} [number] aligned as numbers are
 * @property {boolean} [nowrap]
 */

/**
 * @template T
 */
export class Table {
  /**
   * @param {string} caption
   * @param {(item: T) => string} key
   * @param {Column<T>[]} columns the first names the row
   * @param {{quiet?: boolean}} options quiet: the caption is not shown, as a heading says it already
   */
  constructor(caption, key, columns, { quiet = false } = {}) {
    this.key = key;
    this.columns = columns;
    /** @type {Map<string, HTMLTableRowElement>} */
    this.rows = new Map();
    this.body = h("tbody");
    this.head = h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: classOf(column) }, column.title))));
    this.table = h("table", { class: quiet && "quiet" }, h("caption", {}, caption), this.head, this.body);
    this.empty = h("p", { class: "empty" });
    this.element = h("div", { class: "table", role: "region", tabindex: "0", "aria-label": caption }, this.table, this.empty);
    this.show([], "Loading …");
  }

  /**
   * Show items, in their order.
   * @param {T[]} items
   * @param {import("./dom.js").Child | import("./dom.js").Child[]} why said where there are none
   */
  show(items, why) {
    const keys = new Set(items.map(this.key));
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) {
        row.remove();
        this.rows.delete(key);
      }
    }
    let before = this.body.firstElementChild;
    for (const item of items) {
      const row = this.#row(item);
      if (row === before) before = before.nextElementSibling;
      else this.body.insertBefore(row, before);
    }
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    if (items.length === 0) fill(this.empty, why);
  }

  /** @param {T} item */
  #row(item) {
    const key = this.key(item);
    let row = this.rows.get(key);
    if (!row) {
      row = h(
        "tr",
        { "data-key": key },
        this.columns.map((column, index) => {
          const attributes = { class: classOf(column), "data-label": column.title };
          return index === 0 ? h("th", { ...attributes, scope: "row" }) : h("td", attributes);
        }),
      );
      this.rows.set(key, row);
    }
    this.columns.forEach((column, index) => fill(/** @type {Element} */ (row?.cells[index]), column.cell(item)));
    return row;
  }
}

/** @param {{number?: boolean, nowrap?: boolean}} column */
function classOf({ number, nowrap }) {
  return number ? "number" : nowrap ? "nowrap" : null;
}
