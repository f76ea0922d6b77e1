/**
 * Where one is: `#/intents/Network/acme/clients?state=degraded`. Parts of it may come from anywhere.
 * @module
 */

/** @typedef {{view: string, params: string[], query: URLSearchParams}} Place */

/**
 * @param {string} hash
 * @returns {Place}
 */
export function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", ...params] = path.split("/").filter(Boolean).map(decoded);
  return { view, params, query: new URLSearchParams(query) };
}

/**
 * The address of a place.
 * @param {string} view
 * @param {(string | number)[]} [params]
 * @param {Record<string, string | number | null | undefined>} [query]
 */
export function hashOf(view, params = [], query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") found.set(name, String(value));
  }
  const asked = found.toString();
  return `#/${[view, ...params].map((part) => encodeURIComponent(String(part))).join("/")}${asked && `?${asked}`}`;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
