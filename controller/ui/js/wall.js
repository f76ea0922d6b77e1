/**
 * Draws what many queues did over time, a row each: the brighter, the longer packets waited.
 * @module
 */

import { colour, onColours } from "./chart.js";
import { h } from "./dom.js";
import { span } from "./format.js";
import { UNKNOWN } from "./series.js";

/** @typedef {import("./series.js").Tape} Tape */

export const ROW = 18;
const TIMES = 20;
const FIGURES = 76;
const SHADES = 96;
/** Waits from 10 µs to 100 ms, in milliseconds, as powers of ten. */
const COLDEST = -2;
const HOTTEST = 2;
const STOPS = ["--raised", "--cool", "--warm", "--hot", "--burning"];

/** A canvas of rows; draws only what is asked for, in one turn. */
export class Wall {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.canvas = h("canvas", { class: "wall", "aria-hidden": "true" });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.cells = document.createElement("canvas");
    this.cellContext = /** @type {CanvasRenderingContext2D} */ (this.cells.getContext("2d"));
    /** @type {ImageData | null} */
    this.image = null;
    this.shades = new Uint32Array(SHADES);
    this.unknown = 0;
    /** How often it was drawn, for whoever measures. */
    this.frames = 0;
    this.#mix();
    onColours(signal, () => this.#mix());
  }

  #mix() {
    const stops = STOPS.map((name) => channels(colour(name)));
    for (let shade = 0; shade < SHADES; shade += 1) {
      const at = (shade / (SHADES - 1)) * (stops.length - 1);
      const below = Math.min(stops.length - 2, Math.floor(at));
      const mixed = stops[below].map((value, index) => Math.round(value + (stops[below + 1][index] - value) * (at - below)));
      this.shades[shade] = pixel(mixed);
    }
    this.unknown = pixel(channels(colour("--line")));
  }

  /**
   * Draw rows from one moment until another, with a line at a third.
   * @param {Tape[]} tapes
   * @param {number} from milliseconds since 1970
   * @param {number} until
   * @param {number} cursor
   */
  draw(tapes, from, until, cursor) {
    const { canvas, context, cells } = this;
    const scale = devicePixelRatio;
    const width = Math.max(50, canvas.clientWidth);
    const height = tapes.length * ROW + TIMES;
    const columns = Math.max(10, width - FIGURES);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = `${height}px`;
    }
    if (!this.image || this.image.width !== columns || this.image.height !== tapes.length) {
      cells.width = columns;
      cells.height = Math.max(1, tapes.length);
      this.image = this.cellContext.createImageData(columns, Math.max(1, tapes.length));
    }
    this.#paint(tapes, from, (until - from) / columns, columns);
    this.cellContext.putImageData(this.image, 0, 0);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(cells, 0, 0, columns, tapes.length, 0, 0, columns, tapes.length * ROW);
    context.fillStyle = colour("--ground");
    for (let row = 1; row < tapes.length; row += 1) context.fillRect(0, row * ROW - 1, columns, 1);
    this.#figures(tapes, cursor, columns);
    this.#times(from, until, columns, tapes.length * ROW);
    const x = ((cursor - from) / (until - from)) * columns;
    context.fillStyle = colour("--text");
    context.fillRect(Math.min(columns - 1, Math.max(0, x)), 0, 1, tapes.length * ROW);
    this.frames += 1;
  }

  /**
   * @param {Tape[]} tapes
   * @param {number} from
   * @param {number} step milliseconds a column
   * @param {number} columns
   */
  #paint(tapes, from, step, columns) {
    const pixels = new Uint32Array(/** @type {ImageData} */ (this.image).data.buffer);
    tapes.forEach((tape, row) => {
      for (let column = 0; column < columns; column += 1) {
        const wait = tape.most(tape.wait, from + column * step, from + (column + 1) * step);
        pixels[row * columns + column] = wait === UNKNOWN ? this.unknown : this.shades[shadeOf(wait)];
      }
    });
  }

  /**
   * @param {Tape[]} tapes
   * @param {number} cursor
   * @param {number} left
   */
  #figures(tapes, cursor, left) {
    const { context } = this;
    context.fillStyle = colour("--text");
    context.font = "12px sans-serif";
    context.textBaseline = "middle";
    tapes.forEach((tape, row) => {
      const wait = tape.most(tape.wait, cursor, cursor + tape.step);
      context.fillText(wait === UNKNOWN ? "?" : span(wait * 1e6), left + 6, row * ROW + ROW / 2, FIGURES - 8);
    });
  }

  /**
   * @param {number} from
   * @param {number} until
   * @param {number} columns
   * @param {number} top
   */
  #times(from, until, columns, top) {
    const { context } = this;
    const step = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000].find((one) => ((until - from) / one) * 90 < columns) ?? 60_000;
    context.fillStyle = colour("--soft");
    for (let time = Math.ceil(from / step) * step; time < until; time += step) {
      const x = ((time - from) / (until - from)) * columns;
      const date = new Date(time);
      const text = date.toLocaleTimeString("en-GB", { hour12: false }) + (step < 1000 ? `.${Math.floor(date.getMilliseconds() / 100)}` : "");
      context.fillRect(x, top, 1, 4);
      if (x + 62 < columns) context.fillText(text, x + 3, top + 11);
    }
  }
}

/** @param {number} wait milliseconds */
function shadeOf(wait) {
  if (wait <= 0) return 0;
  const heat = (Math.log10(wait) - COLDEST) / (HOTTEST - COLDEST);
  return Math.max(1, Math.min(SHADES - 1, Math.round(heat * (SHADES - 1))));
}

/** @param {string} text as `#rrggbb` */
function channels(text) {
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** @param {number[]} channels */
function pixel([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
