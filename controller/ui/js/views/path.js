/**
 * The path of one flow: its switches, and how long packets are at each.
 * @module
 */

import { path as pathOf } from "../api.js";
import { bar } from "../bars.js";
import { fill, h } from "../dom.js";
import { flowName } from "../flows.js";
import { follow, listOnceLive } from "../follow.js";
import { clock, count, span } from "../format.js";
import { facts, fault, heading, intentLink, notice, switchLink } from "../parts.js";
import { Table } from "../table.js";
import { EVENTS, stateOf, wayOf } from "./paths.js";

const MOST_NEWS = 50;

/** @typedef {import("../types.js").FlowPath} FlowPath */
/** @typedef {import("../types.js").FlowHop} FlowHop */
/** @typedef {import("../types.js").FabricEvent} FabricEvent */

/** @param {import("../shell.js").Context} context */
export function openOne({ api, signal, root, params }) {
  const number = Number(params[0]);
  const said = notice();
  const sentence = h("p", { class: "sentence", "aria-live": "polite" });
  const state = h("div");
  let most = 1;
  /** @type {Table<FlowHop & {place: number}>} */
  const hops = new Table("Switches, in the order in which packets pass", (one) => String(one.place), [
    { title: "Switch", cell: (one) => (one.switch === null ? "a switch" : switchLink(one.switch)) },
    { title: "In", number: true, cell: (one) => one.ingressPort ?? "–" },
    { title: "Out", number: true, cell: (one) => one.egressPort ?? "–" },
    { title: "Queue", number: true, cell: (one) => one.priority ?? "–" },
    { title: "Depth", number: true, cell: (one) => one.depth ?? "–" },
    { title: "There for", cell: (one) => bar(one.latencyUs / most, span(one.latencyUs * 1000), "warm") },
    { title: "Left at", nowrap: true, cell: (one) => `${clock(one.leftAt)} ${one.clockErrorSeconds === null ? "(clock not compared)" : `± ${span(one.clockErrorSeconds * 1e9)}`}` },
    { title: "Notes", cell: notes },
  ]);
  /** @type {Table<FabricEvent>} */
  const news = new Table("What has changed, the newest first", (one) => `${one.time} ${one.type} ${one.change}`, [
    { title: "When", nowrap: true, cell: (one) => clock(one.time ?? "") },
    { title: "What", cell: (one) => CHANGES[one.change ?? "silent"] ?? one.change },
    { title: "Way", cell: (one) => wayOf(one.hops) + (one.complete ? "" : " → ?") },
    { title: "At switches", number: true, cell: (one) => span(one.latencyUs * 1000) },
  ]);
  root.append(heading(`Path ${number}`), said.element, sentence, state, hops.element, news.element);

  /** @param {FlowPath} found */
  function show(found) {
    fill(sentence, flowName(found).flat());
    fill(
      state,
      facts([
        ["State", stateOf(found)],
        ["Way", wayOf(found.hops) + (found.complete ? "" : " → ?")],
        ["At all switches", span(found.latencyUs * 1000)],
        ["This way since", clock(found.changedAt)],
        ["Before", found.before.length ? wayOf(found.before) : "–"],
        ["Last heard", clock(found.lastSeenAt)],
        ["Followed by", found.watches.length ? found.watches.flatMap((one) => [intentLink(one), " "]) : "–"],
      ]),
    );
    most = Math.max(1, ...found.hops.map((one) => one.latencyUs));
    hops.show(found.hops.map((one, place) => ({ ...one, place })), "Nothing is known.");
  }

  /** @type {FabricEvent[]} */
  const told = [];
  news.show(told, "Nothing has changed.");
  async function list() {
    try {
      show(/** @type {FlowPath} */ (await api.get(pathOf("flow-paths", String(number)), { signal })));
    } catch (error) {
      if (!signal.aborted) said.say(fault(error));
    }
  }
  follow({
    api,
    path: "events",
    query: { types: EVENTS, since: "10m" },
    signal,
    message: ({ data }) => {
      const event = /** @type {FabricEvent & FlowPath} */ (JSON.parse(data));
      if (event.number !== number) return;
      told.unshift(event);
      told.splice(MOST_NEWS);
      news.show(told, "Nothing has changed.");
      show(event);
    },
    state: listOnceLive(said, list),
  });
}

/** @type {Record<string, string>} */
const CHANGES = { new: "first seen", path: "another way", latency: "longer or shorter there", resumed: "seen again", silent: "silent" };

/** @param {FlowHop} hop */
function notes(hop) {
  return [hop.translated ? "rewritten by a service" : null, hop.tunnelled ? "in a tunnel" : null, hop.untold ? `${count(hop.untold, "packet")} before it not told of` : null].filter(Boolean).join(", ");
}
