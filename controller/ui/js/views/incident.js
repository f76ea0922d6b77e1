/**
 * One incident: what happened, its film, who caused it and who suffered.
 * @module
 */

import { path } from "../api.js";
import { fill, h } from "../dom.js";
import { FilmChart } from "../film.js";
import { flowBars } from "../flows.js";
import { follow } from "../follow.js";
import { clock, count, percent, span, whole } from "../format.js";
import { badge, emptiness, facts, fault, heading, notice, switchLink } from "../parts.js";
import { soon } from "../poll.js";
import { hashOf } from "../router.js";
import { framesOfFilm } from "../series.js";

/** @typedef {import("../types.js").Incident} Incident */
/** @typedef {import("../types.js").IncidentQueue} IncidentQueue */

/** @param {import("../shell.js").Context} context */
export function openOne({ api, signal, root, params }) {
  const [number] = params;
  const said = notice();
  const sentence = h("p", { class: "sentence", "aria-live": "polite" });
  const state = h("div");
  const queues = h("div");
  root.append(heading(`Incident ${number}`), said.element, sentence, state, queues);
  /** @type {Map<string, FilmChart>} */
  const charts = new Map();

  async function refresh() {
    try {
      const [incident, film] = await Promise.all([api.get(path("incidents", number), { signal }), api.get(`${path("incidents", number)}/film`, { signal })]);
      show(incident, film);
      said.say(null);
      return /** @type {Incident} */ (incident).active;
    } catch (error) {
      if (!signal.aborted) said.say(fault(error));
      return false;
    }
  }

  /**
   * @param {Incident} incident
   * @param {import("../types.js").IncidentFilm} film
   */
  function show(incident, film) {
    fill(sentence, incident.summary);
    fill(
      state,
      facts([
        ["State", incident.active ? badge("congested") : badge("over", "neutral")],
        ["Began", clock(incident.beganAt)],
        ["Lasted", span(incident.durationSeconds * 1e9)],
        ["Clock", incident.clockErrorSeconds === null ? "not compared: times may be off" : `± ${span(incident.clockErrorSeconds * 1e9)}`],
        ["Dropped", dropped(incident)],
        ["Evidence", evidence(incident)],
        ["Part of", incident.mergedInto === null ? "–" : h("a", { href: hashOf("incidents", [incident.mergedInto]) }, String(incident.mergedInto))],
      ]),
    );
    const sections = incident.queues.map((queue, index) => {
      const name = nameOf(queue);
      const found = film.films.find((one) => one.switch === queue.switch && one.port === queue.port && one.priority === queue.priority);
      let chart = charts.get(name);
      if (!chart) {
        chart = new FilmChart(signal, name, () => {});
        charts.set(name, chart);
      }
      chart.show(found ? framesOfFilm(found, film.beginsAt) : EMPTY, whyNoFilm(queue, found));
      return section(queue, chart, index);
    });
    const focused = document.activeElement;
    queues.replaceChildren(...sections);
    if (focused instanceof HTMLElement && queues.contains(focused)) focused.focus({ preventScroll: true });
  }

  refresh().then((active) => {
    if (active) follow({ api, path: "events", query: { types: "IncidentUpdate,IncidentCleared" }, signal, message: ({ data }) => String(JSON.parse(data).number) === number && again() });
  });
  const again = soon(300, signal, refresh);
}

/** @type {import("../series.js").Frames} */
const EMPTY = { times: [], step: 1, wait: [], depth: [], drops: [], unknown: [], late: [] };

/** @param {IncidentQueue} queue */
function nameOf({ switch: name, port, priority }) {
  return name === null ? "a queue elsewhere" : `${name}:${port} queue ${priority}`;
}

/**
 * @param {IncidentQueue} queue
 * @param {import("../types.js").Film | undefined} film
 * @returns {string[]}
 */
function whyNoFilm(queue, film) {
  if (queue.switch === null) return ["No film: where this queue is, is not told to a tenant."];
  if (!film || film.startNs.length === 0) {
    return [queue.bins === 0 ? "No film: the switch sent no bins of this queue, only reports of packets." : "No film: it was not kept."];
  }
  return [
    ...(film.cut ? ["The film is cut: the first and the last ten seconds are kept."] : []),
    ...(queue.lateBins ? [`The switch told of ${count(queue.lateBins, "millisecond")} late.`] : []),
  ];
}

/**
 * @param {IncidentQueue} queue
 * @param {FilmChart} chart
 * @param {number} index
 */
function section(queue, chart, index) {
  const id = `queue-${index}`;
  const { others } = queue;
  return h(
    "section",
    { "aria-labelledby": id },
    h("h2", { id }, queue.switch === null ? nameOf(queue) : [switchLink(queue.switch, queue.port ?? undefined), ` queue ${queue.priority}`], " ", queue.root ? badge("root", "poor") : badge("further bottleneck", "neutral")),
    facts([
      ["Congested", `${clock(queue.beganAt)}, ${span(queue.durationSeconds * 1e9)}`],
      ["Longest wait", `${span(queue.peakWaitUs * 1000)} at ${clock(queue.peakWaitAt)}`],
      ["Deepest", `${count(queue.peakDepth, "packet")} at ${clock(queue.peakDepthAt)}`],
      ["Dropped", dropped(queue)],
      ["Reports", `${whole(queue.reports)}${queue.unreported ? `, ${whole(queue.unreported)} packets were not reported` : ""}`],
    ]),
    chart.element,
    h("p", { class: "hint" }, "Flows are those of the whole incident."),
    flowBars("Culprits: who filled the queue", queue.culprits, (flow) => flow.share || flow.bytes, "hot", "No flow is known to have held much of the queue."),
    flowBars("Victims: who waited or was dropped", queue.victims, (flow) => flow.maxWaitUs || flow.drops, "cool", "No flow is known to have suffered."),
    queue.participants.length ? flowBars("Others in the queue", queue.participants, (flow) => flow.bytes || flow.reports, "plain", "") : null,
    others ? emptiness(`Other tenants: ${count(others.flows, "flow")}, ${percent(others.share)} of the bytes, ${whole(others.drops)} dropped.`) : null,
    queue.reportsOfOtherFlows ? emptiness(`${count(queue.reportsOfOtherFlows, "report")} of flows that were too many to be kept apart.`) : null,
  );
}

/** @param {Incident | IncidentQueue} one */
function dropped({ drops, dropsUnknown }) {
  return drops === null ? `not known: ${dropsUnknown}` : whole(drops);
}

/** @param {Incident} incident */
function evidence(incident) {
  if (incident.complete) return "complete";
  const lost = Object.entries(incident.reportsLost).map(([name, number]) => `${name}: ${whole(number)}`);
  if (incident.reportsLostElsewhere) lost.push(`elsewhere: ${whole(incident.reportsLostElsewhere)}`);
  return [badge("incomplete", "poor"), lost.length ? ` reports lost: ${lost.join(", ")}` : " some was told late"];
}
