/**
 * Time charts, drawn by uPlot, that share one cursor.
 * @module
 */

import { h } from "./dom.js";

/** @typedef {import("../vendor/uplot/uPlot.esm.js")} UPlot */
/** @typedef {{label: string, unit: string, colour: string, bars?: boolean}} Row */

const HEIGHT = 130;
const AXIS = 64;

/**
 * A colour of the page's style.
 * @param {string} name such as `--cool`
 */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Do something when the colours change.
 * @param {AbortSignal} signal
 * @param {() => void} changed
 */
export function onColours(signal, changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed, { signal });
}

/** Several charts above each other: one time, one cursor. */
export class Charts {
  /**
   * @param {AbortSignal} signal ends with it
   * @param {Row[]} rows
   * @param {(index: number | null) => void} at told where the cursor is
   * @param {(from: number, until: number) => void} zoom told what somebody selected
   */
  constructor(signal, rows, at, zoom) {
    this.signal = signal;
    this.rows = rows;
    this.at = at;
    this.zoom = zoom;
    this.element = h("div", { class: "charts" });
    /** @type {UPlot[]} */
    this.plots = [];
    /** @type {number[]} */
    this.times = [];
    /** @type {boolean[]} */
    this.unknown = [];
    this.index = -1;
    const resized = new ResizeObserver(() => {
      for (const plot of this.plots) plot.setSize({ width: this.#width(), height: HEIGHT });
    });
    resized.observe(this.element);
    signal.addEventListener("abort", () => {
      resized.disconnect();
      for (const plot of this.plots) plot.destroy();
    });
    onColours(signal, () => this.plots.forEach((plot) => plot.redraw(true)));
  }

  /**
   * Show columns.
   * @param {number[]} times milliseconds since 1970
   * @param {(number | null)[][]} columns one for each row
   * @param {boolean[]} unknown steps that are hatched
   */
  async show(times, columns, unknown) {
    const { default: UPlot } = await import("../vendor/uplot/uPlot.esm.js");
    if (this.signal.aborted) return;
    this.times = times;
    this.unknown = unknown;
    this.rows.forEach((row, index) => {
      const data = /** @type {any} */ ([times, columns[index]]);
      if (this.plots[index]) this.plots[index].setData(data);
      else this.plots.push(new UPlot(/** @type {any} */ (this.#options(row, index === this.rows.length - 1, UPlot)), data, this.element));
    });
  }

  #width() {
    return Math.max(200, this.element.clientWidth);
  }

  /**
   * @param {Row} row
   * @param {boolean} last
   * @param {typeof import("../vendor/uplot/uPlot.esm.js")} UPlot
   */
  #options(row, last, UPlot) {
    const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    return {
      width: this.#width(),
      height: HEIGHT,
      ms: 1,
      legend: { show: false },
      cursor: {
        y: false,
        sync: { key: "film" },
        drag: { x: true, y: false, setScale: false },
      },
      scales: { x: { time: true }, y: { range: (/** @type {any} */ _plot, /** @type {number} */ _least, /** @type {number | null} */ most) => [0, Math.max(1e-3, (most ?? 0) * 1.08)] } },
      axes: [
        { ...axis, show: true, size: last ? 30 : 8, space: 96, values: (/** @type {any} */ _plot, /** @type {number[]} */ ticks) => ticks.map((tick) => (last ? tickText(tick, ticks) : "")) },
        { ...axis, size: AXIS, label: `${row.label}${row.unit && ` (${row.unit})`}`, labelSize: 16, labelFont: "12px sans-serif" },
      ],
      series: [
        {},
        {
          label: row.label,
          stroke: () => colour(row.colour),
          fill: row.bars ? () => colour(row.colour) : undefined,
          width: 1.5,
          spanGaps: false,
          points: { show: false },
          paths: row.bars ? UPlot.paths.bars?.({ size: [0.9, 40, 1] }) : UPlot.paths.stepped?.({ align: 1 }),
        },
      ],
      hooks: {
        drawClear: [(/** @type {UPlot} */ plot) => this.#hatch(plot)],
        setCursor: [
          (/** @type {UPlot} */ plot) => {
            const index = plot.cursor.idx ?? null;
            this.index = index ?? -1;
            this.at(index);
          },
        ],
        setSelect: [
          (/** @type {UPlot} */ plot) => {
            const { left, width } = plot.select;
            if (width > 4) this.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          },
        ],
      },
    };
  }

  /**
   * Mark what is not known.
   * @param {UPlot} plot
   */
  #hatch(plot) {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.fillStyle = colour("--line");
    ctx.globalAlpha = 0.6;
    let begin = -1;
    for (let index = 0; index <= this.unknown.length; index += 1) {
      if (this.unknown[index] && begin < 0) begin = index;
      if (!this.unknown[index] && begin >= 0) {
        const from = Math.max(left, plot.valToPos(this.times[begin], "x", true));
        const until = Math.min(left + width, index < this.times.length ? plot.valToPos(this.times[index], "x", true) : left + width);
        if (until > from) ctx.fillRect(from, top, until - from, height);
        begin = -1;
      }
    }
    ctx.restore();
  }

  /**
   * Put the cursor at a step.
   * @param {number} index
   */
  moveTo(index) {
    const bounded = Math.max(0, Math.min(this.times.length - 1, index));
    for (const plot of this.plots) plot.setCursor({ left: plot.valToPos(this.times[bounded], "x"), top: 20 });
    this.index = bounded;
    this.at(bounded);
  }
}

/**
 * @param {number} tick milliseconds since 1970
 * @param {number[]} ticks
 */
function tickText(tick, ticks) {
  const date = new Date(tick);
  const time = date.toLocaleTimeString("en-GB", { hour12: false });
  const fine = ticks.length > 1 && ticks[1] - ticks[0] < 1000;
  return fine ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}
