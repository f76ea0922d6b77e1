/**
 * What mattered most of late: queues, culprits, victims, drops.
 * @module
 */

import { h } from "../dom.js";
import { flowName } from "../flows.js";
import { percent, perSecond, quantity, span, whole } from "../format.js";
import { badge, fault, filters, heading, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";
import { whyNothing } from "../why.js";

const MOST_DROPS = 20;

/** @typedef {import("../types.js").TopFlow} TopFlow */
/** @typedef {import("../types.js").TopQueue} TopQueue */
/** @typedef {import("../types.js").Drop} Drop */

/** @param {import("../shell.js").Context} context */
export function open(context) {
  const { api, signal, root, query } = context;
  /** @type {string[] | null} */
  let why = null;
  const since = query.get("since") || "10m";
  const queues = queueTable();
  const culprits = flowTable("Culprits: most bytes in congested queues");
  const victims = flowTable("Victims: longest waits");
  const drops = dropTable();
  root.append(
    heading("Top"),
    filters("top", query, [{ name: "since", label: "Since", options: ["1m", "10m", "1h", "24h"], usual: "10m" }]),
    queues.element,
    culprits.element,
    victims.element,
    drops.element,
  );
  every(5000, signal, async () => {
    try {
      const top = await api.get("top", { query: { since }, signal });
      if (top.incidents === 0) why ??= await whyNothing(context);
      const none = [`No queue was congested in the last ${since}.`, ...(why ?? []).map((one) => h("span", { class: "reason" }, one))];
      queues.show(top.queues, none);
      culprits.show(top.culprits, top.incidents ? "No flow is known to have held much of a queue." : none);
      victims.show(top.victims, top.incidents ? "No flow is known to have suffered." : none);
    } catch (error) {
      if (signal.aborted) return;
      for (const table of [queues, culprits, victims]) table.show([], fault(error));
    }
  });
  every(5000, signal, async () => {
    try {
      const { drops: found } = await api.get("drops", { signal });
      drops.show(found.slice(0, MOST_DROPS), "No switch has dropped a packet since it started.");
    } catch (error) {
      if (!signal.aborted) drops.show([], fault(error));
    }
  });
}

/** @returns {Table<TopQueue>} */
function queueTable() {
  return new Table("Queues: congested longest", (/** @type {TopQueue} */ one) => `${one.switch} ${one.port} ${one.priority}`, [
    { title: "Queue", cell: (one) => h("a", { href: hashOf("queues", [one.switch, one.port, one.priority]) }, `${one.switch}:${one.port} queue ${one.priority}`) },
    { title: "Congested", number: true, cell: (one) => span(one.congestedSeconds * 1e9) },
    { title: "Incidents", number: true, cell: (one) => whole(one.incidents) },
    { title: "Longest wait", number: true, cell: (one) => span(one.peakWaitUs * 1000) },
    { title: "Deepest", number: true, cell: (one) => whole(one.peakDepth) },
    { title: "Dropped", number: true, cell: (one) => (one.drops === null ? "not known" : whole(one.drops)) },
  ]);
}

/**
 * @param {string} caption
 * @returns {Table<TopFlow>}
 */
function flowTable(caption) {
  const key = (/** @type {TopFlow} */ one) => [one.vlan, one.protocol, one.source, one.sourcePort, one.destination, one.destinationPort].join(" ");
  return new Table(caption, key, [
    { title: "Flow", cell: (one) => flowName(one).flat() },
    { title: "Bytes", number: true, cell: (one) => quantity(one.bytes, "B") },
    { title: "Most of a queue", number: true, cell: (one) => percent(one.maxShare) },
    { title: "Longest wait", number: true, cell: (one) => span(one.maxWaitUs * 1000) },
    { title: "Dropped", number: true, cell: (one) => whole(one.drops) },
    { title: "Incidents", number: true, cell: (one) => whole(one.incidents) },
  ]);
}

/** @returns {Table<Drop>} */
function dropTable() {
  return new Table("Drops: highest rate first", (/** @type {Drop} */ one) => `${one.switch} ${one.port} ${one.direction} ${one.reason}`, [
    { title: "Port", cell: (one) => switchLink(one.switch, one.port) },
    { title: "Direction", cell: (one) => one.direction },
    { title: "Reason", cell: (one) => (one.aboveThreshold ? [one.reason, " ", badge("flood", "bad")] : one.reason) },
    { title: "Rate", number: true, cell: (one) => perSecond(one.packetsPerSecond) },
    { title: "Packets", number: true, cell: (one) => whole(one.packets) },
  ]);
}
