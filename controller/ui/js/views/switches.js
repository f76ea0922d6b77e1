/**
 * Switches, and one of them with its ports, rates and drops.
 * @module
 */

import { follow } from "../follow.js";
import { whole } from "../format.js";
import { badge, fault, heading, notice, switchLink } from "../parts.js";
import { every, soon } from "../poll.js";
import { switchState } from "../switch-state.js";
import { Table } from "../table.js";
import { openOne } from "./switch.js";

/** @typedef {import("../types.js").Switch} Switch */

/** @param {import("../shell.js").Context} context */
export function open(context) {
  if (context.params.length > 0) openOne(context);
  else openAll(context);
}

/** @param {import("../shell.js").Context} context */
function openAll({ api, signal, root }) {
  const said = notice();
  /** @type {Table<Switch>} */
  const table = new Table("Switches", (one) => one.name, [
    { title: "Switch", cell: (one) => switchLink(one.name) },
    { title: "Role", cell: (one) => one.role },
    { title: "State", cell: (one) => badge(switchState(one).state, switchState(one).tone) },
    { title: "Why", cell: (one) => (one.connected ? (one.held ?? one.failures[0]?.message ?? "") : one.state) },
    { title: "Entries", number: true, cell: (one) => `${whole(one.entriesInstalled)} of ${whole(one.entriesDesired)}` },
    { title: "Refused", number: true, cell: (one) => whole(one.entriesRefused) },
    { title: "Target", cell: (one) => one.target },
    { title: "Address", cell: (one) => one.address },
  ], { quiet: true });
  root.append(heading("Switches"), said.element, table.element);

  async function refresh() {
    try {
      const { items } = await api.list("switches", { signal });
      table.show(items, "The configuration lists no switches.");
      said.say(null);
    } catch (error) {
      if (!signal.aborted) said.say(`${fault(error)} What is shown is older.`);
    }
  }
  const again = soon(300, signal, refresh);
  every(5000, signal, refresh);
  follow({ api, path: "events", query: { types: "SwitchConnected,SwitchDisconnected" }, signal, message: again, state: (state) => state === "live" && again() });
}
