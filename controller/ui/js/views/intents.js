/**
 * Intents and how far they are, as it changes; and one of them with all that is known of it.
 * @module
 */

import { h } from "../dom.js";
import { follow } from "../follow.js";
import { ago, count } from "../format.js";
import { Picture } from "../intent-picture.js";
import { badge, fault, filters, heading, intentLink, notice } from "../parts.js";
import { soon } from "../poll.js";
import { Table } from "../table.js";
import { openOne } from "./intent.js";

const STATES = ["accepted", "installing", "active", "degraded", "deleting"];

/** @typedef {import("../types.js").Intent} Intent */

/** @param {import("../shell.js").Context} context */
export function open(context) {
  if (context.params.length >= 3) openOne(context);
  else openAll(context);
}

/** @param {import("../shell.js").Context} context */
function openAll({ api, signal, root, query }) {
  const said = notice();
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const asked = Object.fromEntries(["kind", "tenant", "name", "state", "labelSelector"].map((name) => [name, query.get(name)]));
  const table = intentTable();
  const more = h("button", { type: "button", hidden: true, on: { click: () => load(picture.size + Picture.PAGE) } }, "Show more");
  root.append(
    heading("Intents"),
    filters("intents", query, [
      { name: "kind", label: "Kind" },
      { name: "tenant", label: "Tenant" },
      { name: "name", label: "Name" },
      { name: "labelSelector", label: "Labels", placeholder: "app=web" },
      { name: "state", label: "State", options: STATES },
    ]),
    said.element,
    summary,
    table.element,
    more,
  );

  let picture = new Picture([], false);
  let following = new AbortController();
  signal.addEventListener("abort", () => following.abort());
  const show = () => {
    const items = picture.items;
    const filtered = Object.values(asked).some(Boolean);
    table.show(items, filtered ? "No intent passes the filters." : "There are no intents yet: p4fabric apply FILE adds some.");
    const degraded = items.filter((one) => one.status.state === "degraded").length;
    summary.textContent = `${count(items.length, "intent")}${picture.more ? " shown, there are more" : ""}${degraded ? `, ${degraded} degraded` : ""}`;
    more.hidden = !picture.more;
  };
  const later = soon(100, signal, show);

  /** @param {number} most */
  async function load(most) {
    following.abort();
    following = new AbortController();
    const mine = following.signal;
    try {
      const { items, more: left, resourceVersion } = await api.list("intents", { query: asked, signal: mine, most });
      picture = new Picture(items, left);
      show();
      said.say(null);
      follow({
        api,
        path: "intents",
        query: { ...asked, watch: true },
        lastId: resourceVersion,
        signal: mine,
        message: (message) => {
          const event = JSON.parse(message.data);
          if (event.type === "error") load(most);
          else if (picture.take(event)) later();
        },
        state: (state, why) => said.say(state === "live" || state === "connecting" ? null : state === "hidden" ? null : `Not live: ${why}`),
        expired: () => load(most),
      });
    } catch (error) {
      if (mine.aborted) return;
      said.say(fault(error));
      table.show([], "Nothing could be read.");
    }
  }
  load(Picture.PAGE);
}

/** @returns {Table<Intent>} */
function intentTable() {
  return new Table("Intents", (/** @type {Intent} */ one) => Picture.key(one), [
    { title: "Intent", cell: intentLink },
    { title: "State", cell: (one) => badge(one.status.state) },
    { title: "Why", cell: (one) => why(one) },
    { title: "Since", cell: (one) => h("span", { title: one.status.since ?? "" }, ago(one.status.since)) },
  ], { quiet: true });
}

/** @param {Intent} intent */
function why({ status }) {
  if (status.reasons.length === 0) return "";
  const [first, ...others] = status.reasons;
  return others.length ? `${first.message} (and ${count(others.length, "more reason")})` : first.message;
}
