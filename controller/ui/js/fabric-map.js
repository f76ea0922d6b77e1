/**
 * Draws the fabric: spines above, leaves below, a line for each link. Knows nothing of where it comes from.
 * @module
 */

import { s } from "./dom.js";
import { byName, known, load } from "./fabric.js";
import { bitRate, percent, port, span } from "./format.js";
import { hashOf } from "./router.js";

const STEP = 132;
const WIDE = 104;
const HIGH = 44;
const ROWS = { spine: 40, leaf: 230 };
const MOST_NAME = 13;
const APART = 7;

/** @typedef {"wait" | "load" | "state"} Colouring */

/**
 * What links are coloured by, and what the colours mean; the last class has no end.
 * @type {Record<Colouring, {title: string, classes: {name: string, below: number, label: string}[]}>}
 */
export const COLOURINGS = {
  wait: {
    title: "99th percentile of the wait in the last second",
    classes: [
      { name: "cool", below: 0.1e6, label: "< 100 µs" },
      { name: "warm", below: 1e6, label: "< 1 ms" },
      { name: "hot", below: 5e6, label: "< 5 ms" },
      { name: "burning", below: Infinity, label: "≥ 5 ms" },
    ],
  },
  load: {
    title: "utilisation of the busier direction",
    classes: [
      { name: "cool", below: 0.3, label: "< 30 %" },
      { name: "warm", below: 0.6, label: "< 60 %" },
      { name: "hot", below: 0.9, label: "< 90 %" },
      { name: "burning", below: Infinity, label: "≥ 90 %" },
    ],
  },
  state: { title: "whether they are up", classes: [{ name: "plain", below: Infinity, label: "up" }] },
};

/**
 * The best that is known: waits, else loads, else whether links are up.
 * @param {import("./fabric.js").Cable[]} cables
 * @returns {Colouring}
 */
export function colouringOf(cables) {
  const all = cables.flatMap((cable) => cable.directions);
  if (all.some((one) => one.wait !== null)) return "wait";
  return all.some((one) => load(one) !== null) ? "load" : "state";
}

/**
 * @param {import("./fabric.js").Cable} cable
 * @param {Colouring} colouring
 * @returns {{name: string, label: string}}
 */
export function classOf(cable, colouring) {
  if (cable.state !== "up") return { name: cable.state === "down" ? "gone" : "half", label: cable.state };
  const values = known(cable, (one) => (colouring === "wait" ? one.wait : colouring === "load" ? load(one) : 0));
  if (values.length === 0) return { name: "plain", label: "not known" };
  const worst = Math.max(...values);
  return COLOURINGS[colouring].classes.find((one) => worst < one.below) ?? COLOURINGS[colouring].classes[0];
}

/**
 * Draw it anew; nodes lead to their switches.
 * @param {{name: string, role: string, state: string, tone: string}[]} switches
 * @param {import("./fabric.js").Cable[]} cables
 * @returns {SVGSVGElement}
 */
export function drawn(switches, cables) {
  const colouring = colouringOf(cables);
  /** @type {Map<string, {x: number, y: number}>} */
  const places = new Map();
  const rows = [switches.filter((one) => one.role === "spine"), switches.filter((one) => one.role !== "spine")];
  const width = Math.max(...rows.map((row) => row.length), 1) * STEP;
  rows.forEach((row, index) => {
    const names = row.map((one) => one.name).sort(byName);
    const left = (width - names.length * STEP) / 2;
    names.forEach((name, place) => places.set(name, { x: left + (place + 0.5) * STEP, y: index === 0 ? ROWS.spine : ROWS.leaf }));
  });
  const height = (rows[1].length ? ROWS.leaf : ROWS.spine) + HIGH;
  return s(
    "svg",
    { class: "map", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${switches.length} switches and ${cables.length} links` },
    lines(cables, places, colouring),
    switches.map((one) => node(one, places.get(one.name) ?? { x: 0, y: 0 })),
  );
}

/**
 * @param {import("./fabric.js").Cable[]} cables
 * @param {Map<string, {x: number, y: number}>} places
 * @param {Colouring} colouring
 */
function lines(cables, places, colouring) {
  /** @type {Map<string, import("./fabric.js").Cable[]>} */
  const bundles = new Map();
  for (const cable of cables) {
    const [{ from, to }] = cable.directions;
    const between = `${from.switch} ${to.switch}`;
    bundles.set(between, [...(bundles.get(between) ?? []), cable]);
  }
  return [...bundles.values()].flatMap((bundle) =>
    bundle.map((cable, index) => {
      const [{ from, to }] = cable.directions;
      const one = places.get(from.switch);
      const other = places.get(to.switch);
      if (!one || !other) return null;
      const shift = (index - (bundle.length - 1) / 2) * APART;
      const { name } = classOf(cable, colouring);
      // Between two of one row the line would run through those between them.
      const bow = one.y === other.y ? 70 : 0;
      const middle = { x: (one.x + other.x) / 2 + shift, y: (one.y + other.y) / 2 + bow };
      const way = bow
        ? `M${one.x + shift} ${one.y} Q${middle.x} ${middle.y + bow} ${other.x + shift} ${other.y}`
        : `M${one.x + shift} ${one.y} L${other.x + shift} ${other.y}`;
      return s(
        "g",
        { class: `link ${name}`, "data-link": cable.id },
        s("title", {}, description(cable)),
        s("path", { class: "reach", d: way }),
        s("path", { class: "line", d: way }),
        cable.state === "up" ? null : s("text", { x: middle.x, y: middle.y, class: "mark", "aria-hidden": "true" }, cable.state === "down" ? "✕" : "½"),
      );
    }),
  );
}

/**
 * A link in words.
 * @param {import("./fabric.js").Cable} cable
 */
export function description(cable) {
  const parts = cable.directions.map((one) => {
    const busy = load(one);
    const facts = [
      one.up ? null : "down",
      one.octets === null ? null : bitRate(one.octets),
      busy === null ? null : percent(busy),
      one.wait === null ? null : `waits ${span(one.wait)}`,
    ].filter(Boolean);
    return `${port(one.from)} → ${port(one.to)}: ${facts.join(", ") || "up"}`;
  });
  return parts.join("\n");
}

/**
 * @param {{name: string, state: string, tone: string}} one
 * @param {{x: number, y: number}} place
 */
function node(one, { x, y }) {
  const name = one.name.length > MOST_NAME ? `${one.name.slice(0, MOST_NAME - 1)}…` : one.name;
  return s(
    "a",
    { href: hashOf("switches", [one.name]), class: `node ${one.tone}`, "aria-label": `${one.name}: ${one.state}` },
    s("title", {}, `${one.name}: ${one.state}`),
    s("rect", { x: x - WIDE / 2, y: y - HIGH / 2, width: WIDE, height: HIGH, rx: 8 }),
    s("text", { x, y: y - 3, class: "name" }, name),
    s("text", { x, y: y + 14, class: "state" }, one.state.length > 16 ? `${one.state.slice(0, 15)}…` : one.state),
  );
}
