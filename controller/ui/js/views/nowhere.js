/**
 * An address that leads nowhere.
 * @module
 */

import { h } from "../dom.js";
import { heading } from "../parts.js";

/**
 * @param {HTMLElement} root
 * @param {string} name
 */
export function nowhere(root, name) {
  root.replaceChildren(heading("Nothing here"), h("p", {}, `There is no view called ${name}.`));
}
