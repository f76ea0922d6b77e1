/**
 * The film of one queue: wait, depth and drops under one cursor, that the arrow keys move as well.
 * @module
 */

import { Charts } from "./chart.js";
import { fill, h } from "./dom.js";
import { clock, span, whole } from "./format.js";

/** @typedef {import("./series.js").Frames} Frames */

const ROWS = [
  { label: "Wait", unit: "ms", colour: "--hot" },
  { label: "Depth", unit: "packets", colour: "--cool" },
  { label: "Drops", unit: "packets", colour: "--bad", bars: true },
];
/** @type {Record<string, number>} */
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };

export class FilmChart {
  /**
   * @param {AbortSignal} signal
   * @param {string} name of the queue
   * @param {(from: number, until: number) => void} zoom
   */
  constructor(signal, name, zoom) {
    /** @type {Frames | null} */
    this.frames = null;
    this.readout = h("p", { class: "readout", "aria-live": "polite" }, "Point at the film, or use the arrow keys.");
    this.charts = new Charts(signal, ROWS, (index) => this.#tell(index), zoom);
    this.empty = h("p", { class: "empty", hidden: true });
    this.figure = h("div", { class: "film", role: "group", tabindex: "0", "aria-label": `Film of ${name}: wait, depth and drops; arrow keys move through it`, on: { keydown: (event) => this.#key(event) } }, this.charts.element);
    this.element = h("div", {}, this.figure, this.readout, this.empty);
  }

  /**
   * @param {Frames} frames
   * @param {string[]} why nothing, or not all, is known
   */
  async show(frames, why) {
    this.frames = frames;
    const known = frames.wait.some((wait) => wait !== null);
    this.figure.hidden = this.readout.hidden = !known;
    this.empty.hidden = why.length === 0;
    fill(this.empty, why.map((one) => h("span", { class: "reason" }, one)));
    if (known) await this.charts.show(frames.times, [frames.wait, frames.depth, frames.drops], frames.unknown);
  }

  /** @param {number | null} index */
  #tell(index) {
    const { frames } = this;
    if (!frames || index === null || index < 0 || index >= frames.times.length) return;
    const wait = frames.wait[index];
    const parts =
      wait === null
        ? ["nothing is known"]
        : [`wait ${span(wait * 1e6)}`, `depth ${whole(frames.depth[index] ?? 0)}`, `${whole(frames.drops[index] ?? 0)} dropped`, frames.late[index] ? "told late" : ""];
    fill(this.readout, `${clock(frames.times[index])}: ${parts.filter(Boolean).join(", ")}`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = KEYS[event.key];
    if (step === undefined || !this.frames) return;
    event.preventDefault();
    const from = this.charts.index < 0 && step < 0 ? this.frames.times.length : this.charts.index;
    this.charts.moveTo(from + step);
  }
}
