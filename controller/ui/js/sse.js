/**
 * Server-sent events (WHATWG HTML, section 9.2) from a fetched stream: `EventSource` cannot send a token.
 * @module
 */

/** @typedef {{type: string, data: string, id: string | null}} Message */

const LONGEST = 4 << 20;

/** Reads lines into messages. */
export class Parser {
  constructor() {
    this.rest = "";
    this.isFirst = true;
    this.type = "";
    /** @type {string[]} */
    this.data = [];
    /** @type {string | null} */
    this.id = null;
    /** Milliseconds until the server wants to see us again. @type {number | null} */
    this.retry = null;
  }

  /**
   * Take a piece of the stream.
   * @param {string} text
   * @returns {Message[]} what is complete now
   */
  take(text) {
    if (this.isFirst && text !== "") {
      text = text.replace(/^\ufeff/, "");
      this.isFirst = false;
    }
    this.rest += text;
    if (this.rest.length > LONGEST) throw new RangeError("a line of the stream is too long");
    /** @type {Message[]} */
    const messages = [];
    let begin = 0;
    const ends = /\r\n|\n|\r/g;
    for (let found = ends.exec(this.rest); found; found = ends.exec(this.rest)) {
      // A carriage return at the very end may be half of a line end.
      if (found[0] === "\r" && ends.lastIndex === this.rest.length) break;
      const message = this.#line(this.rest.slice(begin, found.index));
      if (message) messages.push(message);
      begin = ends.lastIndex;
    }
    this.rest = this.rest.slice(begin);
    return messages;
  }

  /**
   * @param {string} line
   * @returns {Message | null}
   */
  #line(line) {
    if (line === "") {
      const message = this.data.length ? { type: this.type || "message", data: this.data.join("\n"), id: this.id } : null;
      this.type = "";
      this.data = [];
      return message;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.type = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    return null;
  }
}
