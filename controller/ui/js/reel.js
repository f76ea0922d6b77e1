/**
 * Where a film is played: follows the present, stands, or runs.
 * @module
 */

/** Moments in milliseconds since 1970. */
export class Reel {
  /** @param {number} length of what is kept */
  constructor(length) {
    this.length = length;
    /** @type {"live" | "standing" | "playing"} */
    this.mode = "live";
    this.position = 0;
    this.speed = 1;
    this.before = 0;
  }

  /**
   * Go on to the next frame.
   * @param {number} now of the frame, in milliseconds of any clock
   * @param {number} end the newest moment that is known
   */
  advance(now, end) {
    const passed = this.before ? Math.min(1000, now - this.before) : 0;
    this.before = now;
    if (this.mode === "live") this.position = end;
    if (this.mode === "playing") {
      this.position += passed * this.speed;
      if (this.position >= end) {
        this.position = end;
        this.mode = "standing";
      }
    }
    this.position = Math.max(end - this.length, Math.min(end, this.position));
  }

  /** @param {number} end */
  play(end) {
    if (this.mode === "live" || this.position >= end) this.position = end - this.length;
    this.mode = "playing";
  }
}
