/**
 * One switch: how it is, what its ports carry, and what it drops.
 * @module
 */

import { path } from "../api.js";
import { fill, h } from "../dom.js";
import { limitOf } from "../fabric.js";
import { ago, bitRate, percent, perSecond, whole } from "../format.js";
import { badge, facts, fault, heading, notice, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { hashOf } from "../router.js";
import { switchState } from "../switch-state.js";
import { Table } from "../table.js";

/** @typedef {import("../types.js").Port} Port */
/** @typedef {import("../types.js").Drop} Drop */

/** @param {import("../shell.js").Context} context */
export function openOne({ api, signal, root, params }) {
  const [name] = params;
  const said = notice();
  const state = h("div", { "aria-live": "polite" });
  const failures = h("ul", { class: "findings", hidden: true });
  const ports = portTable();
  const drops = dropTable();
  root.append(heading(name), said.element, state, failures, ports.element, drops.element);

  async function refresh() {
    try {
      const [one, found, dropped] = await Promise.all([
        api.get(path("switches", name), { signal }),
        api.list(`${path("switches", name)}/ports`, { signal }),
        api.get("drops", { query: { switch: name }, signal }),
      ]);
      show(one);
      ports.show(found.items, one.portsUnread === null ? "The switch has no ports." : `The ports are not read: ${one.portsUnread}.`);
      const readAt = dropped.readAt[name] ?? null;
      drops.show(dropped.drops, readAt === null ? "The counters of drops were not read yet." : `Nothing was dropped; the counters were read ${ago(readAt)}.`);
      said.say(one.portsUnread === null ? null : `No counters of ports: ${one.portsUnread}.`);
    } catch (error) {
      if (!signal.aborted) said.say(fault(error));
    }
  }

  /** @param {import("../types.js").Switch} one */
  function show(one) {
    const { state: word, tone } = switchState(one);
    fill(
      state,
      facts([
        ["State", badge(word, tone)],
        ["Session", one.state],
        ["Held", one.held ?? "no"],
        ["Entries", `${whole(one.entriesInstalled)} of ${whole(one.entriesDesired)}`],
        ["Refused", whole(one.entriesRefused)],
        ["Role", one.role],
        ["Target", one.target],
        ["Address", one.address],
        ["Device id", String(one.deviceId)],
      ]),
    );
    const wrong = [...one.failures.map((reason) => reason.message), ...one.unknown.map((what) => `It holds what this controller cannot read: ${what}`)];
    fill(failures, wrong.map((text) => h("li", {}, text)));
    failures.hidden = wrong.length === 0;
  }
  every(5000, signal, refresh);
}

/** @returns {Table<Port>} */
function portTable() {
  return new Table("Ports", (/** @type {Port} */ one) => String(one.port), [
    { title: "Port", cell: (one) => String(one.port) },
    { title: "Interface", cell: (one) => one.interface ?? "–" },
    { title: "State", cell: (one) => badge(one.up === null ? "unknown" : one.up ? "up" : "down") },
    { title: "Peer", cell: (one) => (one.peer ? switchLink(one.peer.switch, one.peer.port) : "–") },
    { title: "Networks", cell: (one) => networks(one.networks) },
    { title: "In", number: true, cell: (one) => bitRate(one.rates?.["in-octets"]) },
    { title: "Out", number: true, cell: (one) => bitRate(one.rates?.["out-octets"]) },
    { title: "Rate limit", number: true, cell: (one) => limitText(one) },
    { title: "Packets in", number: true, cell: (one) => perSecond(one.rates?.["in-pkts"]) },
    { title: "Packets out", number: true, cell: (one) => perSecond(one.rates?.["out-pkts"]) },
    { title: "Queue", number: true, cell: (one) => depth(one) },
    { title: "Discards", number: true, cell: (one) => perSecond(discards(one)) },
  ]);
}

/** @param {Port} one */
function limitText(one) {
  const limit = limitOf(one);
  const out = one.rates?.["out-octets"];
  if (limit === null) return "none";
  return out === undefined ? bitRate(limit) : `${bitRate(limit)} (${percent(Math.min(1, out / limit))})`;
}

/** @param {Port} one */
function depth(one) {
  const known = one.queues.filter((queue) => "occupancy" in queue.counters);
  if (known.length === 0) return "–";
  const waiting = known.reduce((sum, queue) => sum + queue.counters.occupancy, 0);
  const most = Math.max(...known.map((queue) => queue.counters["max-queue-len"] ?? 0));
  return `${whole(waiting)} (most ${whole(most)})`;
}

/** @param {Port} one */
function discards({ rates }) {
  return rates ? (rates["in-discards"] ?? 0) + (rates["out-discards"] ?? 0) : null;
}

/** @param {string[]} names tenant/name */
function networks(names) {
  return names.flatMap((one, index) => {
    const [tenant, name] = one.split("/");
    const link = h("a", { href: hashOf("intents", ["Network", tenant, name]) }, one);
    return index ? [", ", link] : [link];
  });
}

/** @returns {Table<Drop>} */
function dropTable() {
  return new Table("What it drops", (/** @type {Drop} */ one) => `${one.port} ${one.direction} ${one.reason}`, [
    { title: "Port", cell: (one) => String(one.port) },
    { title: "Direction", cell: (one) => one.direction },
    { title: "Reason", cell: (one) => (one.aboveThreshold ? [one.reason, " ", badge("flood", "bad")] : one.reason) },
    { title: "Packets", number: true, cell: (one) => whole(one.packets) },
    { title: "Rate", number: true, cell: (one) => perSecond(one.packetsPerSecond) },
  ]);
}
