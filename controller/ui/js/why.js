/**
 * Why nothing is known of congestion: what somebody who looks at an empty view wants to know.
 * @module
 */

import { MOST_ASKED } from "./fabric.js";
import { count } from "./format.js";
import { portsOf } from "./ports.js";

const MOST_NAMED = 3;

/**
 * Reasons, the most telling first; none: all that is needed is there, and nothing happened.
 * @param {import("./shell.js").Context} context
 * @returns {Promise<string[]>}
 */
export async function whyNothing({ api, session, signal }) {
  // What the fabric watches is its operators' business.
  if (!session.seesFabric) return [];
  const { items: watches } = await api.list("intents", { query: { kind: "TelemetryWatch" }, signal, most: 100 });
  if (watches.length === 0) return ["No queue is watched: there is no TelemetryWatch."];
  const [telemetry, { items: switches }] = await Promise.all([api.get("telemetry", { signal }), api.list("switches", { signal })]);
  return [...ofWatches(watches), ...ofTelemetry(telemetry), ...(await ofRates(api, switches, signal))];
}

/** @param {import("./types.js").Intent[]} watches */
function ofWatches(watches) {
  const degraded = watches.filter((one) => one.status.state === "degraded");
  const [first] = degraded;
  return first ? [`TelemetryWatch ${first.tenant}/${first.name} is degraded: ${first.status.reasons[0]?.message ?? "nobody knows why"}.`] : [];
}

/** @param {import("./types.js").Telemetry} telemetry */
function ofTelemetry({ listen, reason, switches }) {
  if (listen === null) return [`This controller takes no reports of switches: ${reason}.`];
  const silent = switches.filter((one) => one.heardAt === null).map((one) => one.switch);
  const lossy = switches.filter((one) => one.lost > 0);
  const unknown = switches.filter((one) => one.heardAt !== null && one.clockErrorSeconds === null).map((one) => one.switch);
  return [
    silent.length ? `No report has come from ${named(silent)}.` : "",
    lossy.length ? `Reports were lost: ${named(lossy.map((one) => `${count(one.lost, "datagram")} of ${one.switch}`))}.` : "",
    unknown.length ? `The clock of ${named(unknown)} is not known: times may be off.` : "",
  ].filter(Boolean);
}

/**
 * Where no port has a rate, packets wait behind the switch and not in it.
 * @param {import("./api.js").Api} api
 * @param {import("./types.js").Switch[]} switches
 * @param {AbortSignal} signal
 */
async function ofRates(api, switches, signal) {
  const read = switches.filter((one) => one.portsUnread === null).map((one) => one.name);
  if (read.length === 0 || read.length > MOST_ASKED) return [];
  const ports = [...(await portsOf(api, read, signal)).values()];
  const limited = ports.some((one) => one.queues.some((queue) => (queue.counters["rate-bps"] ?? 0) > 0 || (queue.counters["rate-pps"] ?? 0) > 0));
  return limited || ports.length === 0 ? [] : ["No port has a rate: nothing waits in the switches' queues."];
}

/** @param {string[]} names */
function named(names) {
  const shown = names.slice(0, MOST_NAMED).join(", ");
  return names.length > MOST_NAMED ? `${shown} and ${names.length - MOST_NAMED} more` : shown;
}
