/**
 * The fabric's links with what is known of each. Pure: documents in, values out.
 * @module
 */

import { port as portText } from "./format.js";

/** @typedef {import("./types.js").End} End */

/**
 * @typedef {Object} Direction
 * @property {End} from
 * @property {End} to
 * @property {boolean} up
 * @property {number | null} octets a second; null: not known
 * @property {number | null} limit octets a second that the port may send; null: not known, or no limit
 * @property {number | null} drops a second at the sending end
 * @property {number | null} wait p99 of what waited in the last second, in ns; null: not known
 */

/**
 * @typedef {Object} Cable
 * @property {string} id
 * @property {[Direction, Direction]} directions
 * @property {"up" | "half up" | "down"} state
 */

/** More switches than this are not asked for their ports one by one. */
export const MOST_ASKED = 24;

/**
 * The longest of the waits at each port, over its priorities, in ns by `switch:port`.
 * @param {import("./types.js").WatchedQueue[]} queues
 * @returns {Map<string, number>}
 */
export function waitsOf(queues) {
  /** @type {Map<string, number>} */
  const waits = new Map();
  for (const queue of queues) {
    if (queue.lastSecond) waits.set(portText(queue), Math.max(waits.get(portText(queue)) ?? 0, queue.lastSecond.p99WaitUs * 1000));
  }
  return waits;
}

/**
 * The cables between switches: those with a link, and those that should have one.
 * @param {import("./types.js").Link[]} links directions that are up
 * @param {import("./types.js").Link[]} missing links that are expected and not there
 * @param {Map<string, import("./types.js").Port>} ports by `switch:port`
 * @param {Map<string, number>} waits by the port that packets wait at
 * @returns {Cable[]}
 */
export function cables(links, missing, ports, waits) {
  /** @type {Map<string, {one: End, other: End, up: Set<string>}>} */
  const found = new Map();
  const add = (/** @type {End} */ from, /** @type {End} */ to, /** @type {boolean} */ up) => {
    const [one, other] = before(from, to) ? [from, to] : [to, from];
    const id = `${portText(one)} – ${portText(other)}`;
    const cable = found.get(id) ?? { one, other, up: new Set() };
    found.set(id, cable);
    if (up) cable.up.add(portText(from));
  };
  for (const { source, destination } of links) add(source, destination, true);
  for (const { source, destination } of missing) add(source, destination, false);
  return [...found.entries()].map(([id, { one, other, up }]) => {
    const directions = /** @type {[Direction, Direction]} */ ([
      direction(one, other, up.has(portText(one)), ports, waits),
      direction(other, one, up.has(portText(other)), ports, waits),
    ]);
    const state = up.size === 2 ? "up" : up.size === 1 ? "half up" : "down";
    return /** @type {Cable} */ ({ id, directions, state });
  });
}

/**
 * @param {End} from
 * @param {End} to
 * @param {boolean} up
 * @param {Map<string, import("./types.js").Port>} ports
 * @param {Map<string, number>} waits
 * @returns {Direction}
 */
function direction(from, to, up, ports, waits) {
  const sender = ports.get(portText(from));
  const receiver = ports.get(portText(to));
  const octets = sender?.rates?.["out-octets"] ?? receiver?.rates?.["in-octets"] ?? null;
  return { from, to, up, octets, limit: sender ? limitOf(sender) : null, drops: sender?.rates?.["out-discards"] ?? null, wait: waits.get(portText(from)) ?? null };
}

/**
 * Octets a second that a port may send; null where it has no limit or does not say.
 * @param {import("./types.js").Port} port
 */
export function limitOf(port) {
  const limits = port.queues.map((queue) => queue.counters["rate-bps"] ?? 0).filter((rate) => rate > 0);
  return limits.length ? Math.min(...limits) / 8 : null;
}

/**
 * How much of what it may send a direction sends: 0 to 1; null where nobody knows.
 * @param {Direction} direction
 */
export function load({ octets, limit }) {
  return octets === null || limit === null ? null : Math.min(1, octets / limit);
}

/**
 * What is known of a cable's directions.
 * @param {Cable} cable
 * @param {(direction: Direction) => number | null} value
 * @returns {number[]}
 */
export function known(cable, value) {
  return /** @type {number[]} */ (cable.directions.map(value).filter((one) => one !== null));
}

/**
 * The switches whose ports say what links carry: in a large fabric, one end of each link.
 * @param {import("./types.js").Link[]} links
 * @param {import("./types.js").Switch[]} switches
 * @returns {string[]}
 */
export function worthAsking(links, switches) {
  const linked = new Set(links.flatMap(({ source, destination }) => [source.switch, destination.switch]));
  if (linked.size <= MOST_ASKED) return [...linked];
  const spines = new Set(switches.filter((one) => one.role === "spine").map((one) => one.name));
  const rest = links.filter(({ source, destination }) => !spines.has(source.switch) && !spines.has(destination.switch));
  return [...new Set([...[...linked].filter((name) => spines.has(name)), ...rest.map(({ source }) => source.switch)])];
}

/**
 * In the order that people count in: leaf2 is before leaf10.
 * @param {string} one
 * @param {string} other
 */
export function byName(one, other) {
  return one.localeCompare(other, "en", { numeric: true });
}

/**
 * @param {End} one
 * @param {End} other
 */
function before(one, other) {
  return byName(one.switch, other.switch) < 0 || (one.switch === other.switch && one.port <= other.port);
}
