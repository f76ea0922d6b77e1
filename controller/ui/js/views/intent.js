/**
 * One intent: what was asked for, how far it is and why, and what is counted for it.
 * @module
 */

import { path } from "../api.js";
import { fill, h } from "../dom.js";
import { follow } from "../follow.js";
import { ago, clock, port, quantity, whole } from "../format.js";
import { badge, facts, fault, heading, notice } from "../parts.js";
import { Table } from "../table.js";

/** @typedef {import("../types.js").Intent} Intent */
/** @typedef {{counter: string, packets: number, bytes: number, switches: Record<string, unknown>, readAt: string | null}} Count */

/** @param {import("../shell.js").Context} context */
export function openOne({ api, signal, root, params }) {
  const [kind, tenant, name] = params;
  const said = notice();
  const state = h("div", { "aria-live": "polite" });
  const reasons = reasonTable();
  const counters = counterTable();
  const spec = h("pre", { tabindex: "0", "aria-label": "Spec" });
  const read = h("button", { type: "button", on: { click: () => count() } }, "Read again");
  root.append(heading(`${kind}/${tenant}/${name}`), said.element, state, reasons.element, h("h2", {}, "Spec"), spec, counters.element, h("p", {}, read));

  /** @param {Intent} intent */
  function show(intent) {
    const { status, metadata } = intent;
    fill(
      state,
      facts([
        ["State", badge(status.state)],
        ["Since", `${clock(status.since)} (${ago(status.since)})`],
        ["Generation", whole(metadata.generation)],
        ["Created", clock(metadata.created)],
        ["Owners", metadata.owners.join(", ")],
        ["Labels", pairs(intent.labels)],
        ["Annotations", pairs(intent.annotations)],
      ]),
    );
    reasons.show(status.reasons, status.state === "degraded" ? "No reason is known." : "Nothing keeps it from doing what it should.");
    fill(spec, JSON.stringify(intent.spec, null, 2));
  }

  async function count() {
    read.disabled = true;
    try {
      const document = await api.get(`${path("intents", kind, tenant, name)}/counters`, { signal });
      counters.show(document.counters, "Nothing is counted for this intent.");
    } catch (error) {
      if (!signal.aborted) counters.show([], fault(error));
    } finally {
      read.disabled = false;
    }
  }

  async function begin() {
    try {
      show(await api.get(path("intents", kind, tenant, name), { signal }));
    } catch (error) {
      if (signal.aborted) return;
      said.say(fault(error));
      reasons.show([], "Nothing could be read.");
      counters.show([], "Nothing could be read.");
      return;
    }
    count();
    follow({
      api,
      path: "intents",
      query: { kind, tenant, name, watch: true },
      signal,
      message: ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "deleted") said.say("This intent is gone from all switches.");
        else if (event.intent) show(event.intent);
      },
      expired: begin,
    });
  }
  begin();
}

/** @returns {Table<import("../types.js").Reason>} */
function reasonTable() {
  return new Table("Reasons", (reason) => JSON.stringify(reason), [
    { title: "What", cell: (reason) => reason.message },
    { title: "Code", cell: (reason) => reason.code },
    { title: "Where", cell: (reason) => (reason.switch ? (reason.port ? port(/** @type {any} */ (reason)) : reason.switch) : (reason.address ?? reason.field ?? "–")) },
  ]);
}

/** @returns {Table<Count>} */
function counterTable() {
  return new Table("Counters", (one) => one.counter, [
    { title: "Counter", cell: (one) => one.counter },
    { title: "Packets", number: true, cell: (one) => whole(one.packets) },
    { title: "Bytes", number: true, cell: (one) => quantity(one.bytes, "B") },
    { title: "Switches", cell: (one) => Object.keys(one.switches).join(", ") || "–" },
    { title: "Read", cell: (one) => ago(one.readAt) },
  ]);
}

/** @param {Record<string, string> | undefined} texts */
function pairs(texts) {
  const found = Object.entries(texts ?? {});
  return found.length ? found.map(([key, value]) => h("span", { class: "pair" }, `${key}: ${value}`)) : "–";
}
