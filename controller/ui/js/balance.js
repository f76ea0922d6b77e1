/**
 * How evenly a switch spreads what it sends over its links. Pure.
 * @module
 */

import { byName } from "./fabric.js";
import { port as portText } from "./format.js";

/** Below this, in octets a second for each link, a ratio says nothing: link probes alone make 60. */
export const TOO_LITTLE = 1000;

/** @typedef {{port: number, peer: import("./types.js").End, octets: number | null}} Member */
/**
 * @typedef {Object} Group
 * @property {string} name the switch, and what the links lead to
 * @property {string} switch
 * @property {Member[]} members
 * @property {number | null} ratio the busiest link's part of the mean: 1 is even; null: `why`
 * @property {string} why there is no ratio
 */

/**
 * The links of each leaf to spines, over which ECMP spreads what leaves for other leaves.
 * @param {import("./types.js").Switch[]} switches
 * @param {import("./types.js").Link[]} links
 * @param {Map<string, import("./types.js").Port>} ports by `switch:port`
 * @returns {Group[]}
 */
export function groups(switches, links, ports) {
  const spines = new Set(switches.filter((one) => one.role === "spine").map((one) => one.name));
  /** @type {Map<string, Member[]>} */
  const found = new Map();
  for (const { source, destination } of links) {
    if (spines.has(source.switch) || !spines.has(destination.switch)) continue;
    const octets = ports.get(portText(source))?.rates?.["out-octets"] ?? ports.get(portText(destination))?.rates?.["in-octets"] ?? null;
    found.set(source.switch, [...(found.get(source.switch) ?? []), { port: source.port, peer: destination, octets }]);
  }
  return [...found.entries()].sort(([one], [other]) => byName(one, other)).map(([name, members]) => judged(name, members));
}

/**
 * @param {string} name
 * @param {Member[]} members
 * @returns {Group}
 */
function judged(name, members) {
  members.sort((one, other) => one.port - other.port);
  const group = { name: `${name} to spines`, switch: name, members, ratio: null, why: "" };
  const rates = /** @type {number[]} */ (members.map((one) => one.octets).filter((one) => one !== null));
  if (members.length < 2) return { ...group, why: "There is one link only." };
  if (rates.length < members.length) return { ...group, why: "The rates of some links are not known." };
  const mean = rates.reduce((sum, one) => sum + one, 0) / rates.length;
  if (mean < TOO_LITTLE) return { ...group, why: "There is too little traffic to judge." };
  return { ...group, ratio: Math.max(...rates) / mean };
}
