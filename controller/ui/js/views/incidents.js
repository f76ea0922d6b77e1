/**
 * Incidents of congestion, each in a sentence, as they come.
 * @module
 */

import { ApiError } from "../api.js";
import { h } from "../dom.js";
import { follow } from "../follow.js";
import { clock, count, flow, span, whole } from "../format.js";
import { NO_COLLECTOR, whyMissing } from "../missing.js";
import { badge, filters, heading, notice, switchLink } from "../parts.js";
import { every, soon } from "../poll.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";
import { openOne } from "./incident.js";

const MOST = 300;
const EVENTS = "IncidentOnset,IncidentUpdate,IncidentCleared";

/** @typedef {import("../types.js").Incident} Incident */
/** @typedef {import("../types.js").Episode} Episode */

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
  let found = new Map();
  const show = () => {
    const items = [...found.values()].sort((one, other) => Number(other.active) - Number(one.active) || other.number - one.number).slice(0, MOST);
    const filtered = Object.values(asked).some((one) => one !== null && one !== "");
    table.show(items, filtered ? "No incident passes the filters." : "No queue was congested: no watched queue passed the threshold of its TelemetryWatch.");
    const active = items.filter((one) => one.active).length;
    summary.textContent = items.length ? `${count(items.length, "incident")}${active ? `, ${active} going on` : ""}` : "";
  };
  const later = soon(100, signal, show);

  async function begin() {
    try {
      const { items } = await api.list("incidents", { query: asked, signal, most: MOST });
      found = new Map(items.map((one) => [one.number, one]));
      show();
      said.say(null);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.isMissing) {
        said.say(`${NO_COLLECTOR} What switches sampled of congestion is below.`);
        table.element.remove();
        episodes(context);
        return;
      }
      said.say(whyMissing(error));
      table.show([], "Nothing could be read.");
      return;
    }
    follow({
      api,
      path: "events",
      query: { types: EVENTS, switch: asked.switch, tenant: asked.tenant },
      signal,
      message: ({ type, data }) => {
        const incident = JSON.parse(data);
        if (type === "EventsLost") begin();
        else if (incident.mergedInto !== null || (asked.active !== null && incident.active !== asked.active)) found.delete(incident.number);
        else found.set(incident.number, incident);
        later();
      },
      state: (now, why) => said.say(now === "waiting" || now === "ended" ? `Not live: ${why}` : null),
    });
  }
  begin();
}

/** @returns {Table<Incident>} */
function incidentTable() {
  return new Table("Incidents", (/** @type {Incident} */ one) => String(one.number), [
    { title: "Incident", cell: (one) => h("a", { href: hashOf("incidents", [one.number]) }, String(one.number)) },
    { title: "State", cell: (one) => (one.active ? badge("congested") : badge("over", "neutral")) },
    { title: "What", cell: (one) => one.summary },
    { title: "Began", nowrap: true, cell: (one) => clock(one.beganAt) },
    { title: "Lasted", number: true, cell: (one) => span(one.durationSeconds * 1e9) },
    { title: "Dropped", number: true, cell: (one) => whole(one.drops) },
    { title: "Evidence", cell: (one) => (one.complete ? "complete" : badge("reports lost", "poor")) },
  ], { quiet: true });
}

/**
 * Where nothing but samples is known.
 * @param {import("../shell.js").Context} context
 */
function episodes({ api, signal, root, query }) {
  /** @type {Table<Episode>} */
  const table = new Table("Sampled congestion", (one) => String(one.number), [
    { title: "Queue", cell: (one) => [switchLink(one.switch, one.port), ` queue ${one.queue}`] },
    { title: "State", cell: (one) => (one.active ? badge("congested") : badge("over", "neutral")) },
    { title: "Began", cell: (one) => clock(one.startedAt) },
    { title: "Lasted", number: true, cell: (one) => span(one.durationSeconds * 1e9) },
    { title: "Peak depth", number: true, cell: (one) => whole(one.peakDepth) },
    { title: "Peak wait", number: true, cell: (one) => span(one.peakDelayUs * 1000) },
    { title: "Flows sampled", cell: (one) => one.flows.slice(0, 3).map((each) => h("div", { class: "tuple" }, flow(each))) },
  ]);
  root.append(table.element);
  every(5000, signal, async () => {
    try {
      const { items } = await api.list("congestion", { query: { switch: query.get("switch") }, signal, most: MOST });
      table.show(items, "No queue was congested: no watched queue passed the threshold of its TelemetryWatch.");
    } catch (error) {
      if (!signal.aborted) table.show([], whyMissing(error));
    }
  });
}
