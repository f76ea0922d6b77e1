/**
 * Flows with the part that they had in congestion.
 * @module
 */

import { bar } from "./bars.js";
import { h } from "./dom.js";
import { count, flow as tuple, percent, quantity, span } from "./format.js";
import { emptiness, intentLink } from "./parts.js";

/** @typedef {import("./types.js").IncidentFlow} IncidentFlow */

/**
 * Who a flow is of, in the users' words, and its 5-tuple.
 * @param {import("./types.js").NamedFlow} flow
 */
export function flowName(flow) {
  const names = flow.sourceName || flow.destinationName ? `${flow.sourceName ?? flow.source ?? "?"} → ${flow.destinationName ?? flow.destination ?? "?"}` : null;
  const more = [flow.tenant && `tenant ${flow.tenant}`, flow.vlan ? `VLAN ${flow.vlan}` : null].filter(Boolean).join(", ");
  return [
    names ? h("strong", {}, names) : null,
    names ? " " : null,
    h("span", { class: "tuple" }, tuple(flow)),
    more ? h("span", { class: "hint" }, ` (${more})`) : null,
    flow.intents.flatMap((intent) => [" ", intentLink(intent)]),
  ];
}

/**
 * Flows as bars.
 * @param {string} title
 * @param {IncidentFlow[]} flows
 * @param {(flow: IncidentFlow) => number} value what is compared
 * @param {string} tone
 * @param {string} none said where there are none
 */
export function flowBars(title, flows, value, tone, none) {
  const most = Math.max(1e-9, ...flows.map(value));
  return h(
    "section",
    { "aria-label": title },
    h("h3", {}, title),
    flows.length
      ? h("ul", { class: "bars" }, flows.map((flow) => h("li", {}, h("span", { class: "label" }, flowName(flow).flat()), bar(value(flow) / most, figures(flow), tone))))
      : emptiness(none),
  );
}

/** @param {IncidentFlow} flow */
function figures(flow) {
  return [
    flow.share > 0 ? percent(flow.share) : null,
    flow.bytes > 0 ? quantity(flow.bytes, "B") : null,
    flow.maxWaitUs > 0 ? `waited ${span(flow.maxWaitUs * 1000)}` : null,
    flow.drops > 0 ? `${flow.drops} dropped` : null,
    flow.share === 0 && flow.bytes === 0 && flow.maxWaitUs === 0 && flow.drops === 0 ? count(flow.reports, "report") : null,
  ]
    .filter(Boolean)
    .join(", ");
}
