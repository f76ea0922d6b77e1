/**
 * Whether what the other views show can be believed: what is read, heard and lost.
 * @module
 */

import { fill, h } from "../dom.js";
import { follow } from "../follow.js";
import { ago, count, span, whole } from "../format.js";
import { badge, facts, fault, heading, notice, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { Table } from "../table.js";

/** @typedef {import("../types.js").SwitchTelemetry} SwitchTelemetry */
/** @typedef {{name: string, connected: boolean, portsUnread: string | null, dropsReadAt: string | null, reports: SwitchTelemetry | undefined}} Row */

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root }) {
  const said = notice();
  const state = h("div");
  const table = switchTable();
  root.append(heading("Health of telemetry"), said.element, state, table.element);

  /** @type {import("../types.js").Telemetry | null} */
  let telemetry = null;
  let stream = "connecting";
  let gaps = 0;
  let answered = 0;
  const show = () =>
    fill(
      state,
      facts([
        ["Reports are taken at", telemetry === null ? "–" : telemetry.listen ?? [badge("nowhere", "poor"), ` ${telemetry.reason}`]],
        ["Datagrams refused", telemetry === null ? "–" : refused(telemetry)],
        ["Lost in the socket", telemetry === null ? "–" : lost(telemetry.socketLost)],
        ["Incidents not kept", telemetry === null ? "–" : telemetry.incidentsUnkept === null ? badge("in memory only", "poor") : lost(telemetry.incidentsUnkept)],
        ["Events", badge(stream)],
        ["Events lost to this page", gaps ? badge(count(gaps, "gap"), "poor") : "none"],
        ["The controller answers in", answered ? `${Math.round(answered)} ms` : "–"],
      ]),
    );

  async function refresh() {
    try {
      const begun = performance.now();
      const { items } = await api.list("switches", { signal });
      answered = performance.now() - begun;
      const [{ readAt }, found] = await Promise.all([api.get("drops", { signal }), api.get("telemetry", { signal })]);
      telemetry = found;
      const reports = new Map(found.switches.map((/** @type {SwitchTelemetry} */ one) => [one.switch, one]));
      table.show(
        items.map(({ name, connected, portsUnread }) => ({ name, connected, portsUnread, dropsReadAt: readAt[name] ?? null, reports: reports.get(name) })),
        "The configuration lists no switches.",
      );
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
    show();
  }
  every(5000, signal, refresh);
  follow({
    api,
    path: "events",
    signal,
    message: ({ type }) => {
      if (type === "EventsLost") gaps += 1;
    },
    state: (now) => {
      stream = now;
      show();
    },
  });
}

/** @returns {Table<Row>} */
function switchTable() {
  return new Table("Switches", (/** @type {Row} */ row) => row.name, [
    { title: "Switch", cell: (row) => switchLink(row.name) },
    { title: "Session", cell: (row) => badge(row.connected ? "connected" : "disconnected") },
    { title: "Counters of ports", cell: (row) => (row.portsUnread === null ? badge("read", "good") : [badge("not read", "bad"), ` ${row.portsUnread}`]) },
    { title: "Counters of drops", cell: (row) => (row.dropsReadAt === null ? badge("never read", "bad") : `read ${ago(row.dropsReadAt)}`) },
    { title: "Last report", cell: ({ reports }) => (reports?.heardAt ? ago(reports.heardAt) : "never") },
    { title: "Reports", number: true, cell: ({ reports }) => whole(reports?.reports ?? 0) },
    { title: "Datagrams lost", number: true, cell: ({ reports }) => lost(reports?.lost ?? 0) },
    { title: "Late", number: true, cell: ({ reports }) => whole(reports?.late ?? 0) },
    { title: "Under way", number: true, cell: ({ reports }) => seconds(reports?.lagSeconds) },
    { title: "Clock", cell: ({ reports }) => (reports?.clockErrorSeconds === null || !reports ? "not compared" : `± ${seconds(reports.clockErrorSeconds)}`) },
    { title: "Queues", number: true, cell: ({ reports }) => (reports?.binsProblem ? [badge("no bins", "poor"), ` ${reports.binsProblem}`] : whole(reports?.queues ?? 0)) },
  ]);
}

/** @param {number} number */
function lost(number) {
  return number ? badge(whole(number), "bad") : "0";
}

/** @param {number | null | undefined} value */
function seconds(value) {
  return value === null || value === undefined ? "–" : span(value * 1e9);
}

/** @param {import("../types.js").Telemetry} telemetry */
function refused(telemetry) {
  const found = Object.entries(telemetry.refused);
  return found.length ? found.map(([why, number]) => h("span", { class: "pair" }, `${why}: ${whole(number)}`)) : "none";
}
