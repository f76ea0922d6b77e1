/**
 * What is done about congestion and why, what is not, and what was done before.
 * @module
 */

import { h } from "../dom.js";
import { follow } from "../follow.js";
import { clock, count, flow, port, span } from "../format.js";
import { badge, fault, heading, intentLink, notice } from "../parts.js";
import { every, soon } from "../poll.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";

/** @typedef {import("../types.js").Remedy} Remedy */
/** @typedef {import("../types.js").ResponseFinding} ResponseFinding */

const EVENTS = "RemedyGranted,RemedyEnded,RemedyRecommended";
/** @type {Record<string, string>} */
const WHY = { expired: "its lease was over", noHelp: "it did not help", withdrawn: "no longer asked for", revoked: "revoked" };

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root }) {
  const said = notice();
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const findings = findingTable();
  const standing = remedyTable("Done now");
  const ended = remedyTable("Done before");
  root.append(heading("Responses to congestion"), said.element, summary, findings.element, standing.element, ended.element);

  async function refresh() {
    try {
      const [found, responses] = await Promise.all([api.get("remedies", { signal }), api.list("intents", { query: { kind: "CongestionResponse" }, signal })]);
      const nothing = responses.items.length
        ? "No queue is congested that a response may do something about."
        : "Nothing is done about congestion: there is no CongestionResponse.";
      findings.show(found.findings.map((/** @type {ResponseFinding} */ one, /** @type {number} */ index) => ({ ...one, index })), nothing);
      standing.show(found.standing, "Nothing is done now.");
      ended.show(found.ended, "Nothing was done since the controller began.");
      summary.textContent = `${count(found.standing.length, "remedy", "remedies")} now, ${found.ended.length} before`;
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
  }
  every(1000, signal, refresh);
  const later = soon(100, signal, refresh);
  follow({ api, path: "events", query: { types: EVENTS }, signal, message: later, state: () => undefined });
}

/** @returns {Table<ResponseFinding & {index: number}>} */
function findingTable() {
  return new Table("Congested now", (one) => String(one.index), [
    { title: "Queue", cell: (one) => place(one) },
    { title: "Incident", cell: (one) => incident(one.incident) },
    { title: "Response", cell: (one) => intentLink(one.response) },
    { title: "Verdict", cell: (one) => badge(one.verdict, { acts: "good", recommends: "fair" }[one.verdict] ?? "neutral") },
    { title: "Flow", cell: (one) => (one.flow ? flow(one.flow) : "–") },
    { title: "Why", cell: (one) => one.reason ?? "–" },
  ]);
}

/**
 * @param {string} caption
 * @returns {Table<Remedy>}
 */
function remedyTable(caption) {
  return new Table(caption, (/** @type {Remedy} */ one) => String(one.number), [
    { title: "Remedy", cell: (one) => String(one.number) },
    { title: "What", cell: what },
    { title: "Flow", cell: (one) => flow(one.flow) },
    { title: "Because of", cell: (one) => [place(one), " ", incident(one.incident)] },
    { title: "Response", cell: (one) => intentLink(one.response) },
    { title: "Packets waited", number: true, cell: (one) => span(one.waitBeforeUs * 1000) },
    { title: "Since", nowrap: true, cell: (one) => clock(one.grantedAt) },
    { title: "Until", nowrap: true, cell: (one) => clock(one.endedAt ?? one.expiresAt) },
    { title: "Effect", cell: effect },
  ]);
}

/** @param {Remedy} one */
function what(one) {
  if (one.action === "police") return `limited to ${one.rateKilobits} kbit/s`;
  return one.leaf === null || one.leafPort === null ? "on another path" : `on another path, by ${port({ switch: one.leaf, port: one.leafPort })}`;
}

/** @param {Remedy} one */
function effect(one) {
  if (one.ended !== null) return [badge(WHY[one.ended] ?? one.ended, one.ended === "noHelp" ? "poor" : "neutral"), one.reason ? ` ${one.reason}` : ""];
  return one.helped === null ? "not known yet" : badge(one.helped ? "helps" : "does not help", one.helped ? "good" : "poor");
}

/** @param {{switch: string | null, port: number | null, priority: number | null}} one */
function place(one) {
  if (one.switch === null || one.port === null || one.priority === null) return "a queue";
  const { switch: name, port: number, priority } = one;
  return h("a", { href: hashOf("queues", [name, number, priority]) }, `${name}:${number} queue ${priority}`);
}

/** @param {number} number */
function incident(number) {
  return h("a", { href: hashOf("incidents", [number]) }, `incident ${number}`);
}
