/**
 * Whether what the other views show can be believed: what is read, heard and lost.
 * @module
 */

import { h } from "../dom.js";
import { follow } from "../follow.js";
import { ago, count } from "../format.js";
import { badge, facts, fault, heading, notice, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { Table } from "../table.js";

/** @typedef {{name: string, connected: boolean, portsUnread: string | null, dropsReadAt: string | null}} Row */

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root }) {
  const said = notice();
  const page = h("div");
  /** @type {Table<Row>} */
  const table = new Table("What is read of switches", (row) => row.name, [
    { title: "Switch", cell: (row) => switchLink(row.name) },
    { title: "Session", cell: (row) => badge(row.connected ? "connected" : "disconnected") },
    { title: "Counters of ports", cell: (row) => (row.portsUnread === null ? badge("read", "good") : [badge("not read", "bad"), ` ${row.portsUnread}`]) },
    { title: "Counters of drops", cell: (row) => (row.dropsReadAt === null ? badge("never read", "bad") : `read ${ago(row.dropsReadAt)}`) },
  ]);
  root.append(heading("Health of telemetry"), said.element, page, table.element);

  let stream = "connecting";
  let lost = 0;
  let answered = 0;
  const show = () =>
    page.replaceChildren(
      facts([
        ["Events", badge(stream)],
        ["Events lost to this page", lost ? badge(count(lost, "gap"), "poor") : "none"],
        ["The controller answers in", answered ? `${Math.round(answered)} ms` : "–"],
      ]),
    );

  async function refresh() {
    const begun = performance.now();
    try {
      const { items } = await api.list("switches", { signal });
      answered = performance.now() - begun;
      const { readAt } = await api.get("drops", { signal });
      table.show(
        items.map((one) => ({ name: one.name, connected: one.connected, portsUnread: one.portsUnread, dropsReadAt: readAt[one.name] ?? null })),
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
      if (type === "EventsLost") lost += 1;
    },
    state: (state) => {
      stream = state;
      show();
    },
  });
}
