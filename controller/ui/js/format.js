/**
 * Numbers, times and names as they are read.
 * @module
 */

const STEPS = ["", "k", "M", "G", "T"];

/**
 * Three digits and a prefix: 12.3 k.
 * @param {number} value
 * @param {string} unit
 * @returns {string}
 */
export function quantity(value, unit) {
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < STEPS.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${STEPS[step]}${unit}`.trim();
}

/**
 * Octets a second, in bit/s; a dash where nothing is known.
 * @param {number | null | undefined} octets
 */
export function bitRate(octets) {
  return octets === null || octets === undefined ? "–" : quantity(octets * 8, "bit/s");
}

/** @param {number | null | undefined} rate */
export function perSecond(rate) {
  return rate === null || rate === undefined ? "–" : quantity(rate, "/s");
}

/** @param {number} count */
export function whole(count) {
  return count.toLocaleString("en");
}

/**
 * A span.
 * @param {number} nanoseconds
 */
export function span(nanoseconds) {
  if (nanoseconds >= 60e9) return `${Math.floor(nanoseconds / 60e9)} min ${Math.round((nanoseconds % 60e9) / 1e9)} s`;
  if (nanoseconds >= 1e9) return `${(nanoseconds / 1e9).toFixed(nanoseconds < 10e9 ? 2 : 1)} s`;
  if (nanoseconds >= 1e6) return `${(nanoseconds / 1e6).toFixed(nanoseconds < 10e6 ? 2 : 1)} ms`;
  return `${Math.round(nanoseconds / 1e3)} µs`;
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
}

/**
 * The local time of day, with milliseconds; with the date if it is not today's.
 * @param {string | number | null | undefined} when RFC 3339, or milliseconds since 1970
 */
export function clock(when) {
  if (when === null || when === undefined) return "–";
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "–";
  const time = date.toLocaleTimeString("en-GB", { hour12: false }) + "." + String(date.getMilliseconds()).padStart(3, "0");
  const sameDay = date.toDateString() === new Date().toDateString();
  return sameDay ? time : `${date.toLocaleDateString("en-CA")} ${time}`;
}

/**
 * How long ago something was, roughly.
 * @param {string | number | null | undefined} when
 */
export function ago(when) {
  if (when === null || when === undefined) return "never";
  const seconds = Math.max(0, (Date.now() - new Date(when).getTime()) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** @param {import("./types.js").End | null | undefined} end */
export function port(end) {
  return end ? `${end.switch}:${end.port}` : "–";
}

/**
 * One of a thing, or several.
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function count(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/**
 * A 5-tuple in one line.
 * @param {{protocol: string, source: string | null, destination: string | null, sourcePort?: number | null,
 *   destinationPort?: number | null}} flow
 */
export function flow(flow) {
  if (flow.source === null && flow.destination === null) return flow.protocol;
  return `${flow.protocol} ${end(flow.source, flow.sourcePort)} → ${end(flow.destination, flow.destinationPort)}`;
}

/**
 * @param {string | null} address
 * @param {number | null | undefined} number
 */
function end(address, number) {
  const shown = address ?? "?";
  if (!number) return shown;
  return shown.includes(":") ? `[${shown}]:${number}` : `${shown}:${number}`;
}
