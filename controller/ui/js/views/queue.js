/**
 * One queue: its film over the span that is chosen, and the incidents that it had meanwhile.
 * @module
 */

import { path } from "../api.js";
import { fill, h } from "../dom.js";
import { FilmChart } from "../film.js";
import { flowBars } from "../flows.js";
import { clock, count, span } from "../format.js";
import { emptiness, fault, heading, notice, switchLink } from "../parts.js";
import { every } from "../poll.js";
import { hashOf } from "../router.js";
import { framesOf } from "../series.js";

const SPANS = ["5s", "1m", "10m", "1h", "24h"];

/** @typedef {import("../types.js").Incident} Incident */

/** @param {import("../shell.js").Context} context */
export function openOne({ api, signal, root, params, query }) {
  const [name, port, priority] = params;
  const said = notice();
  const title = `${name}:${port} queue ${priority}`;
  const from = query.get("from") ?? "1m";
  const to = query.get("to") ?? "0s";
  const live = to === "0s";
  const chart = new FilmChart(signal, title, (begin, end) => {
    location.hash = hashOf("queues", params, { from: new Date(begin).toISOString(), to: new Date(Math.max(end, begin + 10)).toISOString() });
  });
  const incidents = h("div");
  root.append(
    heading(switchLink(name, Number(port)), ` queue ${priority}`),
    h(
      "nav",
      { class: "spans", "aria-label": "Span" },
      SPANS.map((one) => h("a", { href: hashOf("queues", params, { from: one }), "aria-current": live && one === from ? "true" : null }, `last ${one}`)),
      live ? null : h("span", {}, `${clock(from)} – ${clock(to)}`),
    ),
    said.element,
    chart.element,
    h("p", { class: "hint" }, "Select a part of the film to see it closer. Grey is not known."),
    incidents,
  );

  async function refresh() {
    try {
      const series = await api.get(`${path("queues", name, port, priority)}/series`, { query: { from, to }, signal });
      const clockNote = series.clockErrorSeconds === null && series.known.some((/** @type {string} */ one) => one !== "unknown") ? ["The switch's clock was not compared: times may be off."] : [];
      await chart.show(framesOf(series), [...series.notes, ...clockNote]);
      said.say(null);
      await showIncidents(series);
    } catch (error) {
      if (!signal.aborted) said.say(fault(error));
    }
  }

  /** @param {import("../types.js").Series} series */
  async function showIncidents(series) {
    const { items } = await api.list("incidents", { query: { switch: name, since: series.beginsAt, until: series.endsAt }, signal, most: 100 });
    const here = items.flatMap((/** @type {Incident} */ incident) =>
      incident.queues
        .filter((queue) => queue.switch === name && String(queue.port) === port && String(queue.priority) === priority)
        .map((queue) => ({ incident, queue })),
    );
    here.sort((one, other) => other.queue.durationSeconds - one.queue.durationSeconds);
    fill(
      incidents,
      h("h2", {}, here.length ? `${count(here.length, "incident")} meanwhile` : "Incidents"),
      here.length === 0 ? emptiness("This queue had no incident meanwhile.") : null,
      here.slice(0, 5).map(({ incident, queue }) =>
        h(
          "section",
          { "aria-label": `Incident ${incident.number}` },
          h("h3", {}, h("a", { href: hashOf("incidents", [incident.number]) }, `${clock(queue.beganAt)}, ${span(queue.durationSeconds * 1e9)}`)),
          flowBars("Culprits", queue.culprits, (flow) => flow.share || flow.bytes, "hot", "No flow is known to have held much of the queue."),
          flowBars("Victims", queue.victims, (flow) => flow.maxWaitUs || flow.drops, "cool", "No flow is known to have suffered."),
        ),
      ),
    );
  }
  if (live) every(from === "5s" || from === "1m" ? 1000 : 5000, signal, refresh);
  else refresh();
}
