/**
 * Follows a stream of the API for as long as it is wanted: comes back after the last event seen, and takes a
 * stream that is silent for too long for dead. While the tab is hidden nothing is followed, so that tabs do
 * not use up the few connections that a browser has to one server.
 * @module
 */

import { ApiError } from "./api.js";
import { Parser } from "./sse.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/** @typedef {"connecting" | "live" | "waiting" | "hidden" | "ended"} State */

/**
 * @typedef {Object} Wanted
 * @property {import("./api.js").Api} api
 * @property {string} path
 * @property {import("./api.js").Query} [query]
 * @property {AbortSignal} signal when to stop
 * @property {string | null} [lastId] go on after it
 * @property {number} [silence] milliseconds after which a silent stream is dead; servers send something before
 * @property {(message: import("./sse.js").Message) => void} message
 * @property {(state: State, why?: string) => unknown} [state]
 * @property {() => void} [expired] told when the events after the last one are not kept; ends the following
 */

/**
 * A view that says when it is not live, and reads what there is once it is: from then on nothing is missed.
 * @param {{ say: (text: string | null) => void }} said
 * @param {() => unknown} list
 * @returns {(state: State, why?: string) => void} for `state`
 */
export function listOnceLive(said, list) {
  let listed = false;
  return (state, why) => {
    said.say(state === "waiting" || state === "ended" ? `Not live: ${why}` : null);
    if (state === "live" && !listed) {
      listed = true;
      list();
    }
  };
}

/**
 * Follow until the signal.
 * @param {Wanted} wanted
 * @returns {Promise<void>}
 */
export async function follow(wanted) {
  const tell = wanted.state ?? (() => {});
  let lastId = wanted.lastId ?? null;
  let wait = FIRST_WAIT;
  while (!wanted.signal.aborted) {
    if (document.hidden) {
      tell("hidden");
      await visible(wanted.signal);
      continue;
    }
    tell("connecting");
    let why = "The stream ended.";
    try {
      await once(wanted, lastId, (id) => {
        lastId = id;
        wait = FIRST_WAIT;
      });
    } catch (error) {
      if (wanted.signal.aborted) return;
      if (error instanceof ApiError) {
        if (error.status === 410 && wanted.expired) return wanted.expired();
        if (error.status !== 0 && error.status !== 429 && error.status < 500) {
          tell("ended", error.message);
          return;
        }
        why = error.message;
      } else if (!(error instanceof DOMException)) {
        why = String(error);
      }
    }
    if (document.hidden || wanted.signal.aborted) continue;
    tell("waiting", why);
    await pause(wait * (0.75 + Math.random() / 2), wanted.signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/**
 * One connection, to its end.
 * @param {Wanted} wanted
 * @param {string | null} lastId
 * @param {(id: string | null) => void} seen
 */
async function once(wanted, lastId, seen) {
  const { api, path, query, silence = 45_000 } = wanted;
  const ended = new AbortController();
  const end = () => ended.abort();
  const hide = () => document.hidden && end();
  let timer = setTimeout(end, silence);
  wanted.signal.addEventListener("abort", end, { once: true });
  document.addEventListener("visibilitychange", hide);
  try {
    const headers = { Accept: "text/event-stream", ...(lastId !== null && { "Last-Event-ID": lastId }) };
    const response = await api.open(path, { query, headers, signal: ended.signal });
    const body = response.body;
    if (body === null) throw new TypeError("a stream without a body");
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser();
    wanted.state?.("live");
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(end, silence);
      for (const message of parser.take(value)) {
        seen(message.id ?? lastId);
        wanted.message(message);
      }
    }
  } finally {
    clearTimeout(timer);
    end();
    wanted.signal.removeEventListener("abort", end);
    document.removeEventListener("visibilitychange", hide);
  }
}

/**
 * Wait until the tab is seen.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function visible(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/**
 * Wait some milliseconds, or until the signal.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
