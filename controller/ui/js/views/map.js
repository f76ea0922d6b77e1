/**
 * The map of the fabric: switches, links and what is wrong.
 * @module
 */

import { fill, h } from "../dom.js";
import { cables, known, load, MOST_ASKED, waitsOf, worthAsking } from "../fabric.js";
import { classOf, COLOURINGS, colouringOf, drawn } from "../fabric-map.js";
import { follow, pause, visible } from "../follow.js";
import { bitRate, count, percent, perSecond, span } from "../format.js";
import { badge, emptiness, fault, heading, notice } from "../parts.js";
import { every, soon } from "../poll.js";
import { portsOf } from "../ports.js";
import { switchState } from "../switch-state.js";
import { Table } from "../table.js";

const MANY_QUEUES = 64;
const EVENTS = "LinkUp,LinkDown,SwitchConnected,SwitchDisconnected,FabricStatusChanged";

/** @typedef {import("../fabric.js").Cable} Cable */

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root }) {
  const said = notice();
  const figure = h("div", { class: "figure", tabindex: "0", role: "region", "aria-label": "Map of the fabric" });
  const legend = h("p", { class: "legend" });
  const findings = h("ul", { class: "findings" });
  const links = linkTable();
  root.append(
    heading("Map of the fabric"),
    said.element,
    figure,
    legend,
    h("section", { "aria-labelledby": "findings" }, h("h2", { id: "findings" }, "What is wrong"), findings),
    links.element,
  );

  /** @type {import("../types.js").Switch[]} */
  let switches = [];
  /** @type {import("../types.js").Link[]} */
  let up = [];
  /** @type {import("../types.js").Link[]} */
  let missing = [];
  /** @type {Map<string, import("../types.js").Port>} */
  let ports = new Map();
  /** @type {import("../types.js").FabricStatus | null} */
  let health = null;
  /** @type {Map<string, number>} */
  let waits = new Map();

  async function refresh() {
    try {
      const [found, directions, status] = await Promise.all([
        api.list("switches", { signal }),
        api.list("links", { signal, most: 20_000 }),
        api.get("status", { signal }),
      ]);
      switches = found.items;
      up = directions.items;
      health = status;
      missing = status.linksMissing ?? [];
      ports = await portsOf(api, worthAsking([...up, ...missing], switches), signal);
      show();
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
  }

  /** What waited in the last second is asked for each second, unless there is very much of it. */
  async function watchWaits() {
    while (!signal.aborted) {
      if (document.hidden) await visible(signal);
      let many = false;
      try {
        const { items } = await api.list("queues", { signal });
        waits = waitsOf(items);
        many = items.length > MANY_QUEUES;
        if (health) show();
      } catch (error) {
        many = true; // whoever asks for the rest says why
      }
      await pause(many ? 5000 : 1000, signal);
    }
  }

  function show() {
    const status = health;
    if (status === null) return;
    const wires = cables(up, missing, ports, waits);
    const nodes = switches.map((one) => ({ name: one.name, role: one.role, ...switchState(one) }));
    const focused = document.activeElement instanceof SVGAElement ? document.activeElement.getAttribute("href") : null;
    fill(figure, nodes.length ? drawn(nodes, wires) : emptiness("The configuration lists no switches."));
    if (focused) {
      for (const link of figure.querySelectorAll("a")) if (link.getAttribute("href") === focused) link.focus({ preventScroll: true });
    }
    showLegend(legend, wires, switches);
    showFindings(findings, status);
    links.show(wires, up.length ? "" : whyNoLinks(switches));
  }

  const again = soon(300, signal, refresh);
  every(5000, signal, refresh);
  watchWaits();
  follow({ api, path: "events", query: { types: EVENTS }, signal, message: again, state: (state) => state === "live" && again() });
}

function linkTable() {
  /** @type {(cable: Cable, direction: 0 | 1) => string} */
  const rate = (cable, direction) => bitRate(cable.directions[direction].octets);
  /** @type {Table<Cable>} */
  const table = new Table("Links", (cable) => cable.id, [
    { title: "Link", cell: (cable) => cable.id },
    { title: "State", cell: (cable) => badge(cable.state, cable.state === "up" ? "good" : "bad") },
    { title: "Rate →", number: true, cell: (cable) => rate(cable, 0) },
    { title: "Rate ←", number: true, cell: (cable) => rate(cable, 1) },
    { title: "Utilisation", number: true, cell: (cable) => most(cable, load, percent) },
    { title: "p99 wait", number: true, cell: (cable) => most(cable, (one) => one.wait, span) },
    { title: "Drops", number: true, cell: (cable) => most(cable, (one) => one.drops, perSecond) },
  ]);
  return table;
}

/**
 * @param {Cable} cable
 * @param {(direction: import("../fabric.js").Direction) => number | null} value
 * @param {(value: number) => string} text
 */
function most(cable, value, text) {
  const values = known(cable, value);
  return values.length ? text(Math.max(...values)) : "–";
}

/**
 * @param {HTMLElement} legend
 * @param {Cable[]} wires
 * @param {import("../types.js").Switch[]} switches
 */
function showLegend(legend, wires, switches) {
  const colouring = colouringOf(wires);
  const { title, classes } = COLOURINGS[colouring];
  const used = new Map(wires.map((cable) => classOf(cable, colouring)).map((one) => [one.name, one.label]));
  const keys = [...classes.map((one) => /** @type {const} */ ([one.name, one.label])), ...[...used].filter(([name]) => !classes.some((one) => one.name === name))];
  const unread = switches.filter((one) => one.portsUnread !== null);
  fill(
    legend,
    h("span", {}, `Links by ${title}: `),
    keys.map(([name, label]) => h("span", { class: `key ${name}` }, label)),
    colouring !== "wait" && wires.length > 0 ? h("span", { class: "why" }, "No waits: no queue of a link is told of; the view Queues says why.") : null,
    colouring === "state" && wires.length > 0 ? h("span", { class: "why" }, whyNoLoad(unread)) : null,
    colouring === "load" && switches.length > MOST_ASKED ? h("span", { class: "why" }, "Rates are those of the spines' ports.") : null,
  );
}

/** @param {import("../types.js").Switch[]} unread */
function whyNoLoad(unread) {
  if (unread.length) return `No utilisation: the counters of ${unread[0].name} are not read (${unread[0].portsUnread}).`;
  return "No utilisation: the ports have no rate that it could be a part of.";
}

/** @param {import("../types.js").Switch[]} switches */
function whyNoLinks(switches) {
  const connected = switches.filter((one) => one.connected).length;
  if (switches.length < 2) return "There is one switch, so there are no links.";
  if (connected < 2) return `${count(connected, "switch is", "switches are")} connected: links are found between connected switches.`;
  return "No link was found between the switches.";
}

/**
 * @param {HTMLElement} list
 * @param {import("../types.js").FabricStatus} status
 */
function showFindings(list, status) {
  const items = status.findings.map((one) =>
    h("li", {}, badge(one.severity), " ", one.text, one.byDesign ? h("span", { class: "hint" }, " (by design)") : null),
  );
  if (status.moreFindings) items.push(h("li", {}, `and ${count(status.moreFindings, "more finding")}`));
  fill(list, items.length ? items : h("li", { class: "empty" }, "Nothing: every switch is connected, every expected link is up."));
}
