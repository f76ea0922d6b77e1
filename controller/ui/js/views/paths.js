/**
 * The ways that packets of followed flows take, as they change.
 * @module
 */

import { h } from "../dom.js";
import { flowName } from "../flows.js";
import { follow, listOnceLive } from "../follow.js";
import { clock, count, span } from "../format.js";
import { badge, fault, filters, heading, notice } from "../parts.js";
import { soon } from "../poll.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";
import { openOne } from "./path.js";

const MOST = 300;
export const EVENTS = "FlowPathChanged,FlowPathSilent";

/** @typedef {import("../types.js").FlowPath} FlowPath */

/** @param {import("../shell.js").Context} context */
export function open(context) {
  if (context.params.length > 0) openOne(context);
  else openAll(context);
}

/** @param {import("../shell.js").Context} context */
function openAll(context) {
  const { api, signal, root, query } = context;
  const said = notice();
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const state = query.get("state");
  const asked = { from: query.get("from"), to: query.get("to"), tenant: query.get("tenant"), switch: query.get("switch"), active: state === "active" ? true : state === "silent" ? false : null };
  const table = pathTable();
  root.append(
    heading("Paths of followed flows"),
    filters("paths", query, [
      { name: "from", label: "From", placeholder: "host, address, service" },
      { name: "to", label: "To", placeholder: "host, address, service" },
      { name: "tenant", label: "Tenant" },
      { name: "switch", label: "Switch" },
      { name: "state", label: "State", options: ["active", "silent"] },
    ]),
    said.element,
    summary,
    table.element,
  );
  const filtered = Object.values(asked).some((one) => one !== null && one !== "");
  const later = soon(500, signal, list);

  async function list() {
    try {
      const { items } = await api.list("flow-paths", { query: asked, signal, most: MOST });
      table.show(/** @type {FlowPath[]} */ (items), filtered ? "No flow passes the filters." : ["No packet of a followed flow was seen. ", h("span", { class: "reason" }, "The flows of a TelemetryWatch are followed.")]);
      const active = items.filter((/** @type {FlowPath} */ one) => one.active).length;
      summary.textContent = items.length ? `${count(items.length, "flow")}, ${active} active` : "";
    } catch (error) {
      if (signal.aborted) return;
      said.say(fault(error));
      table.show([], "Nothing could be read.");
    }
  }
  follow({
    api,
    path: "events",
    query: { types: EVENTS, tenant: asked.tenant },
    signal,
    message: later,
    state: listOnceLive(said, list),
  });
}

/** @returns {Table<FlowPath>} */
function pathTable() {
  return new Table("Paths", (/** @type {FlowPath} */ one) => String(one.number), [
    { title: "Path", cell: (one) => h("a", { href: hashOf("paths", [one.number]) }, String(one.number)) },
    { title: "State", cell: stateOf },
    { title: "Flow", cell: (one) => flowName(one).flat() },
    { title: "Way", cell: (one) => wayOf(one.hops) + (one.complete ? "" : " → ?") },
    { title: "At switches", number: true, cell: (one) => span(one.latencyUs * 1000) },
    { title: "Since", nowrap: true, cell: (one) => clock(one.changedAt) },
  ], { quiet: true });
}

/** @param {FlowPath} path */
export function stateOf(path) {
  return [path.active ? badge("active") : badge("silent", "neutral"), path.complete ? null : [" ", badge("incomplete", "poor")]].flat();
}

/**
 * Switches in the order in which packets pass.
 * @param {import("../types.js").FlowStep[]} steps
 */
export function wayOf(steps) {
  return steps.map((step) => step.switch ?? "a switch").join(" → ");
}
