/**
 * How a switch is, in a word or two.
 * @module
 */

/**
 * @param {import("./types.js").Switch} one
 * @returns {{state: string, tone: string}}
 */
export function switchState(one) {
  if (!one.connected) return { state: "disconnected", tone: "bad" };
  if (one.held !== null) return { state: "held", tone: "poor" };
  if (one.entriesRefused > 0) return { state: "refuses entries", tone: "poor" };
  return one.inSync ? { state: "in sync", tone: "good" } : { state: "being written", tone: "fair" };
}
