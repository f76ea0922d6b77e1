/**
 * Does something again and again while it is wanted and the tab is seen.
 * @module
 */

import { pause, visible } from "./follow.js";

/**
 * Do it now and then every so often after it was done; a failure of it is its own business.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {() => unknown} work
 */
export async function every(milliseconds, signal, work) {
  while (!signal.aborted) {
    if (document.hidden) await visible(signal);
    if (signal.aborted) return;
    await work();
    await pause(milliseconds, signal);
  }
}

/**
 * Makes a call that does something once things have been quiet for a moment; not while it is being done.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {() => unknown} work
 * @returns {() => void}
 */
export function soon(milliseconds, signal, work) {
  let timer = 0;
  let busy = false;
  let again = false;
  const run = async () => {
    timer = 0;
    if (signal.aborted) return;
    busy = true;
    await work();
    busy = false;
    if (again) ask();
  };
  const ask = () => {
    again = busy;
    if (!busy && timer === 0) timer = window.setTimeout(run, milliseconds);
  };
  return ask;
}
