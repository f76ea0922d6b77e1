/**
 * How evenly ECMP spreads traffic over the links of each leaf.
 * @module
 */

import { groups } from "../balance.js";
import { bar } from "../bars.js";
import { h } from "../dom.js";
import { worthAsking } from "../fabric.js";
import { bitRate, percent, port } from "../format.js";
import { badge, emptiness, fault, heading, notice, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { portsOf } from "../ports.js";

const UNEVEN = 1.5;

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root }) {
  const said = notice();
  const body = h("div");
  root.append(
    heading("ECMP balance"),
    h("p", { class: "hint" }, `The busiest link of a group against their mean: 1 is even, from ${UNEVEN} on it is marked. A few large flows are uneven by nature.`),
    said.element,
    body,
  );

  async function refresh() {
    try {
      const [{ items: switches }, { items: links }] = await Promise.all([api.list("switches", { signal }), api.list("links", { signal, most: 20_000 })]);
      const found = groups(switches, links, await portsOf(api, worthAsking(links, switches), signal));
      body.replaceChildren(...(found.length ? found.map(shown) : [emptiness("No leaf has a link to a spine.")]));
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
  }
  every(5000, signal, refresh);
}

/** @param {import("../balance.js").Group} group */
function shown(group) {
  const all = group.members.reduce((sum, one) => sum + (one.octets ?? 0), 0);
  const most = Math.max(1, ...group.members.map((one) => one.octets ?? 0));
  return h(
    "section",
    { "aria-label": group.name },
    h("h2", {}, switchLink(group.switch), " to spines ", group.ratio === null ? badge("not judged") : badge(`max/mean ${group.ratio.toFixed(2)}`, group.ratio >= UNEVEN ? "poor" : "good")),
    group.why ? emptiness(group.why) : null,
    h(
      "ul",
      { class: "bars" },
      group.members.map((one) =>
        h("li", {}, h("span", { class: "label" }, `${one.port} → ${port(one.peer)}`), bar((one.octets ?? 0) / most, one.octets === null ? "–" : `${bitRate(one.octets)}, ${percent(all ? one.octets / all : 0)}`)),
      ),
    ),
  );
}
