/**
 * Reads the ports of several switches, a few at a time.
 * @module
 */

import { path } from "./api.js";
import { port } from "./format.js";

const AT_ONCE = 4;

/**
 * @param {import("./api.js").Api} api
 * @param {string[]} names of switches
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, import("./types.js").Port>>} by `switch:port`
 */
export async function portsOf(api, names, signal) {
  /** @type {Map<string, import("./types.js").Port>} */
  const ports = new Map();
  for (let first = 0; first < names.length; first += AT_ONCE) {
    const some = names.slice(first, first + AT_ONCE);
    const lists = await Promise.all(some.map((name) => api.list(`${path("switches", name)}/ports`, { signal })));
    for (const one of lists.flatMap((list) => list.items)) ports.set(port(one), one);
  }
  return ports;
}
