/**
 * What is around every view: where one can go, how the fabric is, and who one is.
 * @module
 */

import { byId, fill, h } from "./dom.js";
import { badge } from "./parts.js";
import { every } from "./poll.js";
import { hashOf } from "./router.js";

/**
 * @typedef {Object} Context
 * @property {import("./api.js").Api} api
 * @property {import("./session.js").Session} session
 * @property {AbortSignal} signal when the view is left
 * @property {HTMLElement} root where it shows itself
 * @property {string[]} params
 * @property {URLSearchParams} query
 */

/** @typedef {{open: (context: Context) => void}} View */
/** @typedef {{name: string, title: string, ofFabric: boolean, load: () => Promise<View>}} Entry */

/** @type {Entry[]} */
export const VIEWS = [
  { name: "map", title: "Map", ofFabric: true, load: () => import("./views/map.js") },
  { name: "intents", title: "Intents", ofFabric: false, load: () => import("./views/intents.js") },
  { name: "hosts", title: "Hosts", ofFabric: false, load: () => import("./views/hosts.js") },
  { name: "switches", title: "Switches", ofFabric: true, load: () => import("./views/switches.js") },
  { name: "events", title: "Events", ofFabric: false, load: () => import("./views/events.js") },
  { name: "incidents", title: "Incidents", ofFabric: false, load: () => import("./views/incidents.js") },
  { name: "remedies", title: "Responses", ofFabric: false, load: () => import("./views/remedies.js") },
  { name: "queues", title: "Queues", ofFabric: false, load: () => import("./views/queues.js") },
  { name: "paths", title: "Paths", ofFabric: false, load: () => import("./views/paths.js") },
  { name: "balance", title: "Balance", ofFabric: true, load: () => import("./views/balance.js") },
  { name: "top", title: "Top", ofFabric: false, load: () => import("./views/top.js") },
  { name: "telemetry", title: "Telemetry", ofFabric: true, load: () => import("./views/telemetry.js") },
];

/** @type {Entry} */
export const NOWHERE = { name: "nowhere", title: "Nothing here", ofFabric: false, load: () => import("./views/nowhere.js") };

/** The header. */
export class Shell {
  /**
   * @param {import("./session.js").Session} session
   * @param {import("./api.js").Api} api
   * @param {() => void} signOut
   */
  constructor(session, api, signOut) {
    this.session = session;
    this.api = api;
    this.signOut = signOut;
    this.header = byId("top");
    this.status = h("span", { class: "fabric-status" });
    this.shown = new AbortController();
  }

  /** The views that the role may see. */
  get entries() {
    return VIEWS.filter((view) => this.session.seesFabric || !view.ofFabric);
  }

  get first() {
    return this.entries[0].name;
  }

  hide() {
    this.shown.abort();
    this.header.replaceChildren();
  }

  show() {
    this.shown.abort();
    this.shown = new AbortController();
    const { principal } = this.session;
    const who = principal ? `${principal.name} (${principal.role}${principal.tenant ? ` ${principal.tenant}` : ""})` : "";
    this.header.replaceChildren(
      h("a", { class: "brand", href: hashOf(this.first) }, "p4fabric"),
      h(
        "nav",
        { "aria-label": "Views" },
        h("ul", {}, this.entries.map((view) => h("li", {}, h("a", { href: hashOf(view.name), "data-view": view.name }, view.title)))),
      ),
      this.status,
      h("span", { class: "who" }, who),
      h("button", { type: "button", class: "quiet", on: { click: this.signOut } }, "Sign out"),
    );
    if (this.session.seesFabric) every(10_000, this.shown.signal, () => this.#ask());
  }

  /**
   * Mark the view that is open.
   * @param {string} name
   */
  mark(name) {
    for (const link of this.header.querySelectorAll("nav a")) {
      const here = link instanceof HTMLElement && link.dataset.view === name;
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  async #ask() {
    try {
      const status = await this.api.get("status", { signal: this.shown.signal });
      fill(this.status, "Fabric: ", badge(status.severity));
    } catch (error) {
      if (!this.shown.signal.aborted) fill(this.status, "Fabric: ", badge("unknown"));
    }
  }
}
