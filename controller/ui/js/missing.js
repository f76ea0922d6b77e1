/**
 * Why something that telemetry would say is not there.
 * @module
 */

import { ApiError } from "./api.js";
import { fault } from "./parts.js";

export const NO_COLLECTOR = "There is no telemetry collector in this controller.";

/**
 * @param {unknown} error
 * @returns {string}
 */
export function whyMissing(error) {
  return error instanceof ApiError && error.isMissing ? NO_COLLECTOR : fault(error);
}
