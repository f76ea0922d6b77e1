/**
 * An address that leads nowhere.
 * @module
 */

import { h } from "../dom.js";
import { heading } from "../parts.js";
import { placeOf } from "../router.js";

/** @param {import("../shell.js").Context} context */
export function open({ root }) {
  root.append(heading("Nothing here"), h("p", {}, `There is no view called ${placeOf(location.hash).view}.`));
}
