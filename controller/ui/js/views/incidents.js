/**
 * Incidents of congestion, each in a sentence, as they come.
 * @module
 */

import { h } from "../dom.js";
import { follow, listOnceLive } from "../follow.js";
import { clock, count, span, whole } from "../format.js";
import { badge, fault, filters, heading, notice } from "../parts.js";
import { soon } from "../poll.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";
import { whyNothing } from "../why.js";
import { openOne } from "./incident.js";

const MOST = 300;
const EVENTS = "IncidentOnset,IncidentUpdate,IncidentCleared";

/** @typedef {import("../types.js").Incident} Incident */

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
  const asked = { switch: query.get("switch"), tenant: query.get("tenant"), since: query.get("since"), active: state === "going on" ? true : state === "over" ? false : null };
  const table = incidentTable();
  root.append(
    heading("Incidents of congestion"),
    filters("incidents", query, [
      { name: "switch", label: "Switch" },
      { name: "tenant", label: "Tenant" },
      { name: "since", label: "Since", options: ["10m", "1h", "24h"] },
      { name: "state", label: "State", options: ["going on", "over"] },
    ]),
    said.element,
    summary,
    table.element,
  );

  /** @type {Map<number, Incident>} */
  const found = new Map();
  /** @type {string[]} */
  let why = [];
  const show = () => {
    const items = [...found.values()].sort((one, other) => Number(other.active) - Number(one.active) || other.number - one.number).slice(0, MOST);
    const filtered = Object.values(asked).some((one) => one !== null && one !== "");
    table.show(items, filtered ? "No incident passes the filters." : ["No watched queue was congested.", ...why.map((one) => h("span", { class: "reason" }, one))]);
    const active = items.filter((one) => one.active).length;
    summary.textContent = items.length ? `${count(items.length, "incident")}${active ? `, ${active} going on` : ""}` : "";
  };
  const later = soon(100, signal, show);

  /** @param {Incident} incident */
  function take(incident) {
    const before = found.get(incident.number);
    // A list and an event may come in any order: of two, what is further counts.
    if (before && (!before.active || Date.parse(before.endedAt) > Date.parse(incident.endedAt))) return;
    if (incident.mergedInto !== null || (asked.active !== null && incident.active !== asked.active)) found.delete(incident.number);
    else found.set(incident.number, incident);
  }

  async function list() {
    try {
      const { items } = await api.list("incidents", { query: asked, signal, most: MOST });
      items.forEach(take);
      if (found.size === 0) why = await whyNothing(context);
      show();
    } catch (error) {
      if (signal.aborted) return;
      said.say(fault(error));
      table.show([], "Nothing could be read.");
    }
  }
  follow({
    api,
    path: "events",
    query: { types: EVENTS, switch: asked.switch, tenant: asked.tenant },
    signal,
    message: ({ type, data }) => {
      if (type === "EventsLost") list();
      else take(JSON.parse(data));
      later();
    },
    state: listOnceLive(said, list),
  });
}

/** @returns {Table<Incident>} */
function incidentTable() {
  return new Table("Incidents", (/** @type {Incident} */ one) => String(one.number), [
    { title: "Incident", cell: (one) => h("a", { href: hashOf("incidents", [one.number]) }, String(one.number)) },
    { title: "State", cell: (one) => (one.active ? badge("congested") : badge("over", "neutral")) },
    { title: "What", cell: (one) => one.summary },
    { title: "Began", nowrap: true, cell: (one) => clock(one.beganAt) },
    { title: "Lasted", number: true, cell: (one) => span(one.durationSeconds * 1e9) },
    { title: "Dropped", number: true, cell: (one) => (one.drops === null ? "not known" : whole(one.drops)) },
    { title: "Evidence", cell: (one) => (one.complete ? "complete" : badge("reports lost", "poor")) },
  ], { quiet: true });
}
