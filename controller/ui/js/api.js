/**
 * Asks the controller's API.
 * @module
 */

const BASE = new URL("../api/v1/", document.baseURI);
const PATIENCE = 15_000;
const PAGE = 500;

/** Why the API did not answer as asked. */
export class ApiError extends Error {
  /**
   * @param {string} message for people
   * @param {number} status 0: there was no answer
   * @param {string} code of the API's closed set; "" where there is none
   */
  constructor(message, status, code) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** The API, as one session asks it. */
export class Api {
  /**
   * @param {{token: string | null}} session
   * @param {(error: ApiError) => void} [refused] told when the session is not accepted any more
   */
  constructor(session, refused = () => {}) {
    this.session = session;
    this.refused = refused;
  }

  /**
   * A document.
   * @param {string} path below `/api/v1/`; parts of it from elsewhere are encoded by `path`
   * @param {{query?: Query, signal?: AbortSignal}} options
   * @returns {Promise<any>}
   */
  async get(path, { query, signal } = {}) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE);
    const stop = () => patience.abort();
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    try {
      const response = await this.open(path, { query, signal: patience.signal });
      return await response.json();
    } catch (error) {
      // Whoever stopped asking is told so by their own signal.
      throw error instanceof ApiError || signal?.aborted ? error : new ApiError("The controller does not answer.", 0, "");
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * The items of a list, page by page.
   * @param {string} path
   * @param {{query?: Query, signal?: AbortSignal, most?: number}} options
   * @returns {Promise<{items: any[], more: boolean, resourceVersion: string}>}
   */
  async list(path, { query = {}, signal, most = 2000 } = {}) {
    /** @type {any[]} */
    const items = [];
    let version = "";
    /** @type {string | null} */
    let next = null;
    do {
      const limit = Math.min(PAGE, most - items.length);
      /** @type {any} */
      const page = await this.get(path, { query: { ...query, limit, ...(next && { continue: next }) }, signal });
      version ||= page.resourceVersion;
      items.push(...page.items);
      next = page.continue;
    } while (next && items.length < most);
    return { items, more: next !== null, resourceVersion: version };
  }

  /**
   * An answer with its body still to be read.
   * @param {string} path
   * @param {{query?: Query, signal?: AbortSignal, headers?: Record<string, string>}} options
   * @returns {Promise<Response>}
   */
  async open(path, { query = {}, signal, headers = {} } = {}) {
    const url = new URL(path, BASE);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const { token } = this.session;
    /** @type {Response} */
    let response;
    try {
      response = await fetch(url, {
        headers: { ...headers, ...(token !== null && { Authorization: `Bearer ${token}` }) },
        signal,
        cache: "no-store",
        credentials: "same-origin",
        redirect: "error",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError("The controller does not answer.", 0, "");
    }
    if (response.ok) return response;
    const error = await refusalOf(response);
    if (error.status === 401) this.refused(error);
    throw error;
  }
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * A path of parts that may hold anything.
 * @param {...(string | number)} parts
 */
export function path(...parts) {
  return parts.map((part) => encodeURIComponent(String(part))).join("/");
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function refusalOf(response) {
  const wait = response.headers.get("Retry-After");
  const after = wait ? ` Try again in ${wait} s.` : "";
  try {
    const problem = await response.json();
    return new ApiError(`${String(problem.detail ?? problem.title)}${after}`, response.status, String(problem.code ?? ""));
  } catch {
    return new ApiError(`The controller answers ${response.status}.${after}`, response.status, "");
  }
}
