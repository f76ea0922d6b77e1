/**
 * What queues did, in columns that charts take: milliseconds since 1970, waits in milliseconds. Nothing is
 * interpolated: what nobody knows is null, and stays so. Pure.
 * @module
 */

/**
 * @typedef {Object} Frames
 * @property {number[]} times when each step begins
 * @property {number} step its length
 * @property {(number | null)[]} wait the longest
 * @property {(number | null)[]} depth the greatest, in packets
 * @property {(number | null)[]} drops packets
 * @property {boolean[]} unknown nobody knows what happened, or all of it
 * @property {boolean[]} late the switch told of it late
 */

const MOST_GAP = 60_000;

/**
 * @param {import("./types.js").Series} series
 * @returns {Frames}
 */
export function framesOf(series) {
  const begin = Date.parse(series.beginsAt);
  const step = series.stepSeconds * 1000;
  return {
    times: series.known.map((_, index) => begin + index * step),
    step,
    wait: series.maxWaitUs.map(milliseconds),
    depth: series.maxDepth,
    drops: series.drops,
    unknown: series.known.map((known) => known === "unknown" || known === "partly"),
    late: series.late,
  };
}

/**
 * The film of an incident; a millisecond without a bin is null.
 * @param {import("./types.js").Film} film
 * @param {string} beginsAt
 * @returns {Frames}
 */
export function framesOfFilm(film, beginsAt) {
  const begin = Date.parse(beginsAt);
  /** @type {Frames} */
  const frames = { times: [], step: 1, wait: [], depth: [], drops: [], unknown: [], late: [] };
  let next = film.startNs[0] ?? 0;
  film.startNs.forEach((start, index) => {
    const gap = Math.round((start - next) / 1e6);
    // Of a film that is cut, the middle is not there: one step stands for it.
    for (let step = 0; step < (gap > MOST_GAP ? 1 : gap); step += 1) push(frames, begin + next / 1e6 + step, null, null, null, false, false);
    push(frames, begin + start / 1e6, milliseconds(film.maxWaitUs[index]), film.maxDepth[index], film.drops[index], false, film.late[index]);
    next = start + 1e6;
  });
  return frames;
}

/**
 * @param {Frames} frames
 * @param {number} time
 * @param {number | null} wait
 * @param {number | null} depth
 * @param {number | null} drops
 * @param {boolean} unknown
 * @param {boolean} late
 */
function push(frames, time, wait, depth, drops, unknown, late) {
  frames.times.push(time);
  frames.wait.push(wait);
  frames.depth.push(depth);
  frames.drops.push(drops);
  frames.unknown.push(unknown);
  frames.late.push(late);
}

/** @param {number | null} microseconds */
function milliseconds(microseconds) {
  return microseconds === null ? null : microseconds / 1000;
}

/** What is not known of a step of a tape, and what is. */
export const UNKNOWN = -1;

/** The last minute of one queue in equal steps: a ring that takes what comes, in any order. */
export class Tape {
  /**
   * @param {number} step milliseconds
   * @param {number} length steps
   */
  constructor(step, length) {
    this.step = step;
    this.length = length;
    /** Milliseconds. */
    this.wait = new Float32Array(length).fill(UNKNOWN);
    /** Packets. */
    this.depth = new Float32Array(length).fill(UNKNOWN);
    this.drops = new Float32Array(length);
    /** The number of the step behind the newest one, counted from 1970. */
    this.end = 0;
  }

  /**
   * Take a series with the same step.
   * @param {import("./types.js").Series} series
   */
  take(series) {
    const first = Math.round(Date.parse(series.beginsAt) / this.step);
    const end = first + series.known.length;
    if (end > this.end) {
      // What lies between is not known until it comes.
      for (let index = Math.max(this.end, end - this.length); index < end; index += 1) this.#clear(index);
      this.end = end;
    }
    series.known.forEach((known, index) => {
      const at = first + index;
      if (known === "unknown" || at < this.end - this.length) return;
      const slot = at % this.length;
      this.wait[slot] = known === "partly" && series.maxWaitUs[index] === null ? UNKNOWN : (series.maxWaitUs[index] ?? 0) / 1000;
      this.depth[slot] = series.maxDepth[index] ?? UNKNOWN;
      this.drops[slot] = series.drops[index] ?? 0;
    });
  }

  /** @param {number} index */
  #clear(index) {
    const slot = index % this.length;
    this.wait[slot] = this.depth[slot] = UNKNOWN;
    this.drops[slot] = 0;
  }

  /**
   * The greatest of the steps from one moment until another; `UNKNOWN` where nobody knows any.
   * @param {Float32Array} column of this tape
   * @param {number} from milliseconds since 1970
   * @param {number} until
   */
  most(column, from, until) {
    const first = Math.max(this.end - this.length, Math.floor(from / this.step));
    const last = Math.min(this.end, Math.max(first + 1, Math.ceil(until / this.step)));
    let most = UNKNOWN;
    for (let index = first; index < last; index += 1) {
      const value = column[index % this.length];
      if (value > most) most = value;
    }
    return most;
  }

  /** What it holds in figures. */
  get figures() {
    const known = [...this.wait].filter((wait) => wait !== UNKNOWN).sort((one, other) => one - other);
    return {
      known: known.length / this.length,
      peakWait: known.length ? known[known.length - 1] : null,
      p99Wait: known.length ? known[Math.min(known.length - 1, Math.floor(known.length * 0.99))] : null,
      peakDepth: Math.max(...this.depth),
      drops: this.drops.reduce((sum, one) => sum + one, 0),
    };
  }
}
