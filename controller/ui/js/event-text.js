/**
 * What happened to what, in a line; the time and the type are told elsewhere.
 * @module
 */

import { count, flow, percent, port, span, whole } from "./format.js";

/** @typedef {import("./types.js").FabricEvent} FabricEvent */

/** Types whose news are bad. */
const BAD = new Set(["SwitchDisconnected", "LinkDown", "CongestionOnset", "IncidentOnset", "TrafficDropped", "EventsLost"]);
const DOUBTFUL = new Set(["AddressClaimRefused", "DuplicateAddress", "HostLimitReached", "CongestionUpdate", "IncidentUpdate"]);
const GOOD = new Set(["SwitchConnected", "LinkUp", "CongestionCleared", "IncidentCleared", "TrafficDropsCleared"]);

/**
 * @param {FabricEvent} event
 * @returns {string}
 */
export function tone(event) {
  if (BAD.has(event.type) || event.state === "degraded" || event.severity === "down") return "bad";
  if (DOUBTFUL.has(event.type) || event.severity === "degraded" || event.severity === "at risk") return "fair";
  return GOOD.has(event.type) || event.state === "active" || event.severity === "ok" ? "good" : "neutral";
}

/** @type {Record<string, (event: FabricEvent) => string>} */
const TEXTS = {
  FabricStatusChanged: ({ before, severity, new: now, over }) =>
    [`${before} → ${severity}`, ...now.map((/** @type {any} */ one) => one.text), ...over.map((/** @type {any} */ one) => `over: ${one.text}`)].join("; "),
  IntentStatusChanged: (event) => `${key(event)} ${event.state}${reasons(event.reasons)}`,
  IntentsStatusChanged: (event) =>
    `${count(event.count, "intent")} (${Object.entries(event.kinds).map(([kind, number]) => `${number} ${kind}`).join(", ")}) ${event.state}${reasons(event.reasons)}`,
  IntentDeleted: key,
  SwitchConnected: (event) => event.switch,
  SwitchDisconnected: (event) => `${event.switch}: ${event.reason}`,
  LinkUp: (event) => `${port(event.source)} → ${port(event.destination)}`,
  LinkDown: (event) => `${port(event.source)} → ${port(event.destination)}: ${event.reason}`,
  HostLearned: host,
  HostMoved: (event) => `${host(event)}, before at ${port(event.before)}`,
  HostForgotten: (event) => `${host(event)}: ${event.reason}`,
  AddressMoved: (event) => `${event.address} to ${event.mac} at ${port(place(event))}, before of ${event.before.mac} at ${port(event.before)}`,
  AddressClaimRefused: (event) => `${event.address ?? "–"} by ${event.mac} at ${port(event.claimedAt)} in ${event.tenant}/${event.network}: ${event.reason}`,
  DuplicateAddress: (event) =>
    `${event.address} in ${event.tenant}/${event.network}: ${event.holder.mac} at ${port(event.holder)} and ${event.claimant.mac} at ${port(event.claimant)}`,
  HostLimitReached: (event) => `${port(place(event))} has ${count(event.limit, "host")}`,
  CongestionOnset: congestion,
  CongestionUpdate: congestion,
  CongestionCleared: congestion,
  IncidentOnset: (event) => `${event.number}: ${event.summary}`,
  IncidentUpdate: (event) => `${event.number}: ${event.summary}`,
  IncidentCleared: (event) => `${event.number}: ${event.mergedInto ? `is part of ${event.mergedInto}` : event.summary}`,
  FlowPathChanged: (event) => `path ${event.number}, ${event.change}: ${flow(/** @type {any} */ (event))}: ${event.summary}`,
  FlowPathSilent: (event) => `path ${event.number} is silent: ${flow(/** @type {any} */ (event))}: ${event.summary}`,
  TrafficDropped: (event) => `${drop(event)}: ${whole(event.packets)} packets in ${event.seconds.toFixed(1)} s, ${Math.round(event.packetsPerSecond)}/s`,
  TrafficDropsCleared: (event) => `${drop(event)}: ${whole(event.packets)} packets, at most ${Math.round(event.peakPacketsPerSecond)}/s`,
  SmfAssociated: smf,
  SmfReleased: smf,
  RemedyGranted: (event) => `${remedy(event)} until ${event.expiresAt}`,
  RemedyEnded: (event) => `${remedy(event)}: ${event.reason ?? event.ended}`,
  RemedyRecommended: (event) => remedy(event) + (event.reason === null ? "" : `: ${event.reason}`),
  EventsLost: (event) => (event.count === null ? "some events were lost" : `${count(event.count, "event")} about ${event.class} were lost`),
};

/**
 * A type that is not known here is told as it came.
 * @param {FabricEvent} event
 */
export function text(event) {
  const known = Object.hasOwn(TEXTS, event.type) ? TEXTS[event.type] : null;
  return known ? known(event) : JSON.stringify(event);
}

/** @param {FabricEvent} event */
function key({ kind, tenant, name }) {
  return `${kind}/${tenant}/${name}`;
}

/** @param {FabricEvent} event */
function place(event) {
  return { switch: event.switch, port: event.port };
}

/** @param {import("./types.js").Reason[]} all */
function reasons(all) {
  return all.length ? `: ${all.map((one) => one.message).join("; ")}` : "";
}

/** @param {FabricEvent} event */
function host(event) {
  return `${event.mac} at ${port(place(event))} in ${event.tenant}/${event.network} ${event.addresses.join(" ")}`;
}

/** @param {FabricEvent} event */
function congestion(event) {
  const [first] = event.flows;
  const reported = event.flows.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.reports, 0) + event.reportsOfOtherFlows;
  const most = first ? `, mostly ${flow(first)} (${percent(first.reports / Math.max(1, reported))} of reports)` : "";
  return `${port(place(event))} queue ${event.queue}: peak ${count(event.peakDepth, "packet")}, ${span(event.peakDelayUs * 1000)}${most}`;
}

/** @param {FabricEvent} event */
function remedy(event) {
  const number = event.number === undefined ? "" : `${event.number}: `;
  return `${number}${event.action} ${flow(event.flow)} by ${event.response.tenant}/${event.response.name}, for incident ${event.incident}`;
}

/** @param {FabricEvent} event */
function smf(event) {
  const ended = event.sessionsEnded ? `, ${count(event.sessionsEnded, "session")} ended` : "";
  return `${event.nodeId} at ${event.smf} of ${event.tenant}/${event.upf}${ended}`;
}

/** @param {FabricEvent} event */
function drop(event) {
  return `${port(place(event))} ${event.direction} ${event.reason}`;
}
