// The downloads as the daemon has them, by id, and how many there are of each kind. Knows neither the
// network nor the DOM.

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Change} Change */
/** @typedef {import("../types.d.ts").Stats} Stats */
/** @typedef {import("../types.d.ts").Status} Status */
/** @typedef {import("../types.d.ts").Group} Group */

/** @type {Record<Status, Group>} */
const GROUPS = {
  queued: "queued",
  probing: "active",
  downloading: "active",
  verifying: "active",
  delivering: "active",
  paused: "paused",
  completed: "completed",
  failed: "failed",
  cancelled: "failed",
};

/**
 * The tab under which a status is found.
 * @param {Status} status
 */
export function groupOf(status) {
  return GROUPS[status];
}

/** What an application of changes has touched. */
export class Touched {
  constructor() {
    /** Which downloads changed in any way. @type {Set<string>} */
    this.changed = new Set();
    /** Which are new. @type {Set<string>} */
    this.added = new Set();
    /** Which are gone. @type {Set<string>} */
    this.removed = new Set();
    /** Which stand elsewhere now, with where they stood before. @type {Map<string, Status>} */
    this.moved = new Map();
  }
}

/** All downloads. */
export class Downloads {
  constructor() {
    /** @type {Map<string, Download>} */
    this.byId = new Map();
    /** When each came to be known, as a number that grows: what the daemon's seconds cannot tell. */
    /** @type {Map<string, number>} */
    this.arrival = new Map();
    this.arrivals = 0;
    /** @type {Record<Group, number>} */
    this.counts = { all: 0, active: 0, queued: 0, paused: 0, completed: 0, failed: 0 };
    /** @type {Stats | null} */
    this.stats = null;
  }

  /**
   * Takes over the daemon's whole state, in the order in which downloads were added.
   * @param {{ downloads: Download[], stats: Stats }} snapshot
   */
  replace(snapshot) {
    const touched = new Touched();
    const kept = new Set(snapshot.downloads.map((download) => download.id));
    for (const id of [...this.byId.keys()]) {
      if (!kept.has(id)) this.#remove(id, touched);
    }
    for (const download of snapshot.downloads) this.#merge(download, touched);
    this.stats = snapshot.stats;
    return touched;
  }

  /**
   * Takes over what has changed.
   * @param {{ downloads: Change[], removed: string[], stats: Stats }} changes
   */
  apply(changes) {
    const touched = new Touched();
    for (const change of changes.downloads) this.#merge(change, touched);
    for (const id of changes.removed) this.#remove(id, touched);
    this.stats = changes.stats;
    return touched;
  }

  /**
   * @param {Change} change
   * @param {Touched} touched
   */
  #merge(change, touched) {
    const known = this.byId.get(change.id);
    touched.changed.add(change.id);
    if (!known) {
      const download = /** @type {Download} */ (change);
      this.byId.set(change.id, download);
      this.arrival.set(change.id, this.arrivals++);
      this.#count(download.status, 1);
      this.counts.all++;
      touched.added.add(change.id);
      return;
    }
    const before = known.status;
    Object.assign(known, change);
    if (known.status !== before) {
      this.#count(before, -1);
      this.#count(known.status, 1);
      touched.moved.set(change.id, before);
    }
  }

  /**
   * @param {string} id
   * @param {Touched} touched
   */
  #remove(id, touched) {
    const known = this.byId.get(id);
    if (!known) return;
    this.byId.delete(id);
    this.arrival.delete(id);
    this.#count(known.status, -1);
    this.counts.all--;
    touched.removed.add(id);
    touched.changed.delete(id);
  }

  /**
   * @param {Status} status
   * @param {number} by
   */
  #count(status, by) {
    this.counts[groupOf(status)] += by;
  }
}
