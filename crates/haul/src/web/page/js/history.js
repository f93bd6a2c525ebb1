// What was seen while the page was open: speeds, once a second, and what happened to each download. Forgets
// the oldest. Knows neither clock nor DOM.

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Waiting} Waiting */
/** @typedef {Waiting & { at: number, said: string, error: Download["error"] }} Event */

/** Seconds of speed that are kept. */
export const SECONDS = 300;
const MOST_EVENTS = 20;

export class History {
  constructor() {
    /** @type {Map<string, number[]>} */
    this.speeds = new Map();
    /** @type {number[]} */
    this.total = [];
    /** @type {Map<string, Event[]>} */
    this.events = new Map();
  }

  /**
   * Called once a second.
   * @param {Iterable<Download>} active
   * @param {number} total
   */
  sample(active, total) {
    const seen = new Set();
    for (const download of active) {
      seen.add(download.id);
      keep(this.of(download.id), download.speed);
    }
    // A download that rests goes on in time, down to where nothing is left of it.
    for (const [id, speeds] of this.speeds) {
      if (seen.has(id)) continue;
      keep(speeds, 0);
      if (speeds.every((speed) => speed === 0)) this.speeds.delete(id);
    }
    keep(this.total, total);
  }

  /**
   * The speeds of a download, the last one now.
   * @param {string} id
   */
  of(id) {
    let speeds = this.speeds.get(id);
    if (!speeds) this.speeds.set(id, speeds = []);
    return speeds;
  }

  /**
   * Notes what is wrong with a download, if that is something new.
   * @param {Download} download
   * @param {number} now
   */
  note(download, now) {
    const { error, reason, waits } = download;
    const said = error?.detail ?? reason;
    if (!said) return;
    const events = this.events.get(download.id) ?? [];
    // The same with other figures is the same: a wait that is counted down.
    const alike = (/** @type {string} */ text) => text.replace(/[0-9]+/g, "0");
    const last = events.at(-1);
    if (last && alike(last.said) === alike(said)) return;
    events.push({ at: now, said, error, reason, waits });
    if (events.length > MOST_EVENTS) events.shift();
    this.events.set(download.id, events);
  }

  /** @param {string} id */
  forget(id) {
    this.speeds.delete(id);
    this.events.delete(id);
  }
}

/**
 * @param {number[]} speeds
 * @param {number} speed
 */
function keep(speeds, speed) {
  speeds.push(speed);
  if (speeds.length > SECONDS) speeds.shift();
}
