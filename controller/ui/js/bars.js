/**
 * Bars that say how much of something there is; the number stands beside each, for those who do not see it.
 * @module
 */

import { h, s } from "./dom.js";

/**
 * @param {number} share 0 to 1
 * @param {string} text
 * @param {string} [tone]
 */
export function bar(share, text, tone = "cool") {
  const width = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * 100;
  return h(
    "span",
    { class: `bar ${tone}` },
    s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "whole", width: 100, height: 10 }), s("rect", { width, height: 10 })),
    h("span", { class: "number" }, text),
  );
}
