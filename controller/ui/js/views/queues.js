/**
 * The film of all watched queues: the last minute, a row each.
 * @module
 */

import { path } from "../api.js";
import { fill, h } from "../dom.js";
import { byName } from "../fabric.js";
import { clock, percent, span, whole } from "../format.js";
import { pause } from "../follow.js";
import { fault, heading, notice } from "../parts.js";
import { every } from "../poll.js";
import { Reel } from "../reel.js";
import { hashOf } from "../router.js";
import { Tape } from "../series.js";
import { Table } from "../table.js";
import { Wall } from "../wall.js";
import { whyNothing } from "../why.js";
import { openOne } from "./queue.js";

const MINUTE = 60_000;
const STEP = 50;
const MOST = 64;
const LAGGING = 10_000;
const AT_ONCE = 4;
/** Milliseconds between two questions, so that the controller has time for others. */
const PACE = 120;

/** @typedef {import("../types.js").QueueRef} QueueRef */
/** @typedef {{ref: QueueRef, name: string, tape: Tape, notes: string[]}} Watched */

/** @param {import("../shell.js").Context} context */
export function open(context) {
  if (context.params.length >= 3) openOne(context);
  else openAll(context);
}

/** @param {import("../shell.js").Context} context */
function openAll(context) {
  const { api, signal, root } = context;
  const said = notice();
  const wall = new Wall(signal);
  const reel = new Reel(MINUTE);
  const labels = h("ul", { class: "wall-labels" });
  const when = h("output", { class: "when" });
  const controls = controlsOf(reel, () => end());
  const why = h("p", { class: "empty" }, "Loading …");
  const film = h("div", { class: "wall-frame", hidden: true }, labels, wall.canvas);
  const table = queueTable();
  root.append(heading("Queues"), h("p", { class: "hint" }, "How long packets waited, 10 µs to 100 ms, by colour; grey is not known. At the right: at the line."), said.element, controls.element, when, film, why, table.element);

  /** @type {Map<string, Watched>} */
  const queues = new Map();
  const shown = () => [...queues.values()].sort((one, other) => byName(one.name, other.name));
  /** Until when all queues are known, but for those that nothing comes of any more. */
  const end = () => {
    const ends = [...queues.values()].map((one) => one.tape.end * STEP);
    const newest = Math.max(0, ...ends);
    return Math.min(newest, ...ends.filter((one) => one > newest - LAGGING));
  };

  async function list() {
    try {
      const { items, more } = await api.list("queues", { signal, most: MOST });
      const names = new Set(items.map(nameOf));
      for (const name of queues.keys()) if (!names.has(name)) queues.delete(name);
      for (const ref of items) if (!queues.has(nameOf(ref))) queues.set(nameOf(ref), { ref, name: nameOf(ref), tape: new Tape(STEP, MINUTE / STEP), notes: [] });
      labels.replaceChildren(...shown().map(({ ref, name }) => h("li", {}, h("a", { href: hashOf("queues", [ref.switch, ref.port, ref.priority]) }, name))));
      film.hidden = controls.element.hidden = items.length === 0;
      why.hidden = items.length > 0;
      if (items.length === 0) fill(why, ["No switch has told of a queue.", ...(await whyNothing(context)).map((one) => h("span", { class: "reason" }, one))]);
      said.say(more ? `The first ${MOST} queues are shown.` : null);
    } catch (error) {
      if (signal.aborted) return;
      why.textContent = fault(error);
      why.hidden = queues.size > 0;
      controls.element.hidden = queues.size === 0;
    }
    table.element.hidden = queues.size === 0;
  }

  /** @param {Watched} queue */
  async function read(queue) {
    const { ref, tape } = queue;
    const newest = tape.end * STEP;
    // What came late may still change the last second.
    const from = Math.max(Date.now() - MINUTE, newest - 1000);
    try {
      const series = await api.get(`${path("queues", ref.switch, ref.port, ref.priority)}/series`, {
        query: { from: new Date(from).toISOString(), to: "0s", step: `${STEP}ms` },
        signal,
      });
      tape.take(series);
      queue.notes = series.notes;
    } catch (error) {
      if (!signal.aborted) queue.notes = [fault(error)];
    }
  }

  async function readAll() {
    const all = shown();
    for (let first = 0; first < all.length && !signal.aborted; first += AT_ONCE) {
      await Promise.all(all.slice(first, first + AT_ONCE).map(read));
      await pause(PACE, signal);
    }
    if (all.length && !signal.aborted) table.show(shown(), "");
  }

  /** @param {number} now */
  function frame(now) {
    if (signal.aborted) return;
    const newest = end();
    if (newest > 0 && !document.hidden) {
      reel.advance(now, newest);
      controls.show(newest);
      const width = controls.window();
      const until = reel.mode === "live" || width === MINUTE ? newest : Math.min(newest, Math.max(reel.position + width / 2, newest - MINUTE + width));
      wall.draw(shown().map((one) => one.tape), until - width, until, reel.position - (reel.mode === "live" ? STEP : 0));
      when.textContent = clock(reel.position);
    }
    requestAnimationFrame(frame);
  }
  every(10_000, signal, list);
  every(1000, signal, readAll);
  requestAnimationFrame(frame);
}

/** @param {QueueRef} ref */
function nameOf(ref) {
  return `${ref.switch}:${ref.port} queue ${ref.priority}`;
}

/**
 * @param {Reel} reel
 * @param {() => number} end
 */
function controlsOf(reel, end) {
  const live = h("button", { type: "button", "aria-pressed": "true" }, "Live");
  const play = h("button", { type: "button" }, "Play");
  const position = h("input", { type: "range", min: "0", max: String(MINUTE), step: String(STEP), value: String(MINUTE), "aria-label": "Position in the last minute" });
  const speed = h("select", { "aria-label": "Speed" }, ["0.1", "0.5", "1", "4"].map((one) => h("option", { value: one, selected: one === "1" }, `${one}×`)));
  const width = h("select", { "aria-label": "Shown" }, [60, 10, 2].map((one) => h("option", { value: String(one * 1000) }, `${one} s`)));
  live.addEventListener("click", () => (reel.mode = "live"));
  play.addEventListener("click", () => (reel.mode === "playing" ? (reel.mode = "standing") : reel.play(end())));
  speed.addEventListener("change", () => (reel.speed = Number(speed.value)));
  position.addEventListener("input", () => {
    reel.mode = "standing";
    reel.position = end() - MINUTE + Number(position.value);
  });
  return {
    element: h("div", { class: "controls", hidden: true }, live, play, position, speed, width),
    window: () => Number(width.value),
    /** @param {number} newest */
    show: (newest) => {
      live.setAttribute("aria-pressed", String(reel.mode === "live"));
      play.textContent = reel.mode === "playing" ? "Pause" : "Play";
      if (document.activeElement !== position || reel.mode !== "standing") position.value = String(reel.position - newest + MINUTE);
      position.setAttribute("aria-valuetext", clock(reel.position));
    },
  };
}

/** @returns {Table<Watched>} */
function queueTable() {
  /** @type {(one: Watched) => Tape["figures"]} */
  const figures = (one) => one.tape.figures;
  return new Table("The last minute", (/** @type {Watched} */ one) => one.name, [
    { title: "Queue", cell: ({ ref, name }) => h("a", { href: hashOf("queues", [ref.switch, ref.port, ref.priority]) }, name) },
    { title: "Longest wait", number: true, cell: (one) => waitText(figures(one).peakWait) },
    { title: "p99 of 50 ms", number: true, cell: (one) => waitText(figures(one).p99Wait) },
    { title: "Deepest", number: true, cell: (one) => (figures(one).peakDepth < 0 ? "–" : whole(figures(one).peakDepth)) },
    { title: "Dropped", number: true, cell: (one) => whole(figures(one).drops) },
    { title: "Known", number: true, cell: (one) => percent(figures(one).known) },
    { title: "Why not all", cell: (one) => one.notes.join(" ") },
  ]);
}

/** @param {number | null} wait milliseconds */
function waitText(wait) {
  return wait === null ? "–" : span(wait * 1e6);
}
