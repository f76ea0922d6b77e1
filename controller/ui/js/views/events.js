/**
 * What happens, as it happens, the newest first.
 * @module
 */

import { h } from "../dom.js";
import { text, tone } from "../event-text.js";
import { follow } from "../follow.js";
import { clock, count } from "../format.js";
import { badge, filters, heading, notice } from "../parts.js";
import { soon } from "../poll.js";
import { Table } from "../table.js";

const KEPT = 500;
const SINCE = ["1m", "10m", "1h", "24h"];

/** @typedef {{number: number, event: import("../types.js").FabricEvent}} Told */

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root, query }) {
  const said = notice();
  const summary = h("p", { class: "summary" });
  const pause = h("button", { type: "button", "aria-pressed": "false" }, "Pause");
  const since = query.get("since") || "10m";
  const asked = Object.fromEntries(["types", "tenant", "intent", "switch"].map((name) => [name, query.get(name)]));
  /** @type {Table<Told>} */
  const table = new Table("Events", (told) => String(told.number), [
    { title: "Time", nowrap: true, cell: ({ event }) => clock(event.time) },
    { title: "Event", cell: ({ event }) => badge(event.type, tone(event)) },
    { title: "What", cell: ({ event }) => text(event) },
  ], { quiet: true });
  root.append(
    heading("Events"),
    filters("events", query, [
      { name: "types", label: "Types", placeholder: "LinkDown,HostMoved" },
      { name: "tenant", label: "Tenant" },
      { name: "switch", label: "Switch" },
      { name: "intent", label: "Intent", placeholder: "Network/acme/web" },
      { name: "since", label: "Since", options: SINCE, usual: "10m" },
    ]),
    said.element,
    h("p", { class: "buttons" }, pause, summary),
    table.element,
  );

  /** @type {Told[]} */
  const told = [];
  let number = 0;
  let paused = false;
  const show = () => {
    if (paused) return;
    const filtered = Object.values(asked).some(Boolean);
    table.show(told, filtered ? `Nothing that passes the filters has happened in the last ${since}.` : `Nothing has happened in the last ${since}.`);
    summary.textContent = `${count(told.length, "event")}${number > KEPT ? `, the last of ${count(number, "event")}` : ""}`;
  };
  const later = soon(100, signal, show);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    show();
  });
  follow({
    api,
    path: "events",
    query: { ...asked, since },
    signal,
    message: ({ data }) => {
      told.unshift({ number: ++number, event: JSON.parse(data) });
      if (told.length > KEPT) told.pop();
      later();
    },
    state: (state, why) => {
      if (state === "live") later();
      said.say(state === "waiting" ? `Not live: ${why}` : state === "ended" ? why ?? "Not live." : null);
      if (state === "ended") table.show([], "Nothing can be followed as asked.");
    },
  });
}
