/**
 * Hosts, and where they are.
 * @module
 */

import { h } from "../dom.js";
import { follow } from "../follow.js";
import { count } from "../format.js";
import { fault, filters, heading, intentLink, notice, switchLink } from "../parts.js";
import { every, soon } from "../poll.js";
import { Table } from "../table.js";

/** Intents state hosts, too. */
const EVENTS = "HostLearned,HostMoved,HostForgotten,AddressMoved,IntentStatusChanged,IntentsStatusChanged,IntentDeleted";
const MOST = 1000;

/** @typedef {import("../types.js").Host} Host */

/** @param {import("../shell.js").Context} context */
export function open({ api, signal, root, query }) {
  const said = notice();
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const asked = Object.fromEntries(["tenant", "network", "switch", "port", "mac", "address"].map((name) => [name, query.get(name)]));
  /** @type {Table<Host>} */
  const table = new Table("Hosts", (host) => `${host.tenant} ${host.network} ${host.mac}`, [
    { title: "MAC address", cell: (host) => host.mac },
    { title: "Addresses", cell: (host) => host.addresses.map((address, index) => (index ? `, ${address}` : address)) },
    { title: "Network", cell: (host) => intentLink({ kind: "Network", tenant: host.tenant, name: host.network }) },
    { title: "Port", cell: (host) => switchLink(host.switch, host.port) },
  ], { quiet: true });
  root.append(
    heading("Hosts"),
    filters("hosts", query, [
      { name: "address", label: "IP address" },
      { name: "mac", label: "MAC address" },
      { name: "tenant", label: "Tenant" },
      { name: "network", label: "Network" },
      { name: "switch", label: "Switch" },
      { name: "port", label: "Port" },
    ]),
    said.element,
    summary,
    table.element,
  );

  async function refresh() {
    try {
      const { items, more } = await api.list("hosts", { query: asked, signal, most: MOST });
      const filtered = Object.values(asked).some(Boolean);
      table.show(items, filtered ? "No host passes the filters." : "No host is known: none was heard at a port of a network, and no intent states one.");
      summary.textContent = `${count(items.length, "host")}${more ? " shown, there are more: use the filters" : ""}`;
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
  }
  const again = soon(500, signal, refresh);
  every(30_000, signal, refresh);
  follow({ api, path: "events", query: { types: EVENTS, tenant: asked.tenant }, signal, message: again, state: (state) => state === "live" && again() });
}
