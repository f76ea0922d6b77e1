/**
 * A picture of the intents that is kept by a watch. Pure.
 * @module
 */

/** @typedef {import("./types.js").Intent} Intent */
/** @typedef {{type: string, intent?: Intent}} Change */

/** The first intents of a list, in its order: kind, tenant, name. */
export class Picture {
  static PAGE = 500;

  /**
   * @param {Intent[]} items
   * @param {boolean} more whether there are others behind them
   */
  constructor(items, more) {
    this.more = more;
    /** @type {Map<string, Intent>} */
    this.found = new Map(items.map((one) => [Picture.key(one), one]));
    this.last = items.length && more ? Picture.key(items[items.length - 1]) : null;
  }

  /** @param {{kind: string, tenant: string, name: string}} intent */
  static key({ kind, tenant, name }) {
    // A space sorts before all that a name may have.
    return `${kind} ${tenant} ${name}`;
  }

  get size() {
    return this.found.size;
  }

  /** @returns {Intent[]} */
  get items() {
    return [...this.found.entries()].sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)).map(([, intent]) => intent);
  }

  /**
   * Take what a watch says.
   * @param {Change} change
   * @returns {boolean} whether the picture is another now
   */
  take({ type, intent }) {
    if (!intent) return false;
    const key = Picture.key(intent);
    if (type === "deleted") return this.found.delete(key);
    // What is behind the last one is not in the picture, whether it is new or not.
    if (this.last !== null && key > this.last) return false;
    this.found.set(key, intent);
    return true;
  }
}
