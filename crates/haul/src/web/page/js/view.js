// Which downloads are shown, and in what order: a filter, a search and a sorting over all of them, brought
// up to date by what changed and not from the beginning. Knows no DOM.

import { groupOf } from "./state.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Group} Group */
/** @typedef {import("../types.d.ts").Sorting} Sorting */
/** @typedef {import("../types.d.ts").SortKey} SortKey */
/** @typedef {import("./state.js").Downloads} Downloads */
/** @typedef {import("./state.js").Touched} Touched */

/** When more than this share has moved, sorting anew is cheaper than putting each where it belongs. */
const TOO_MANY = 1 / 4;

export class View {
  /**
   * @param {Downloads} downloads
   * @param {{ compare: (a: string, b: string) => number }} order how names are compared
   */
  constructor(downloads, order) {
    this.downloads = downloads;
    this.order = order;
    /** @type {Group} */
    this.group = "all";
    this.search = "";
    /** @type {Sorting} */
    this.sorting = { key: "added", direction: -1 };
    /** The ids shown, in order. @type {string[]} */
    this.ids = [];
    /** By what each that is shown is sorted. @type {Map<string, number | string>} */
    this.keys = new Map();
  }

  /**
   * @param {Partial<{ group: Group, search: string, sorting: Sorting }>} wish
   */
  set(wish) {
    if (wish.group) this.group = wish.group;
    if (wish.search !== undefined) this.search = folded(wish.search.trim());
    if (wish.sorting) this.sorting = wish.sorting;
    this.rebuild();
  }

  /** Everything from the beginning. */
  rebuild() {
    this.keys.clear();
    this.ids = [];
    for (const download of this.downloads.byId.values()) {
      if (!this.#shows(download)) continue;
      this.ids.push(download.id);
      this.keys.set(download.id, this.#key(download));
    }
    this.ids.sort(this.#compare);
  }

  /**
   * Brings it up to date; says whether any row has come, gone or moved.
   * @param {Touched} touched
   */
  update(touched) {
    /** Which leave the place that they have. @type {Set<string>} */
    const leaving = new Set();
    /** @type {string[]} */
    const coming = [];
    for (const id of touched.removed) {
      if (this.keys.delete(id)) leaving.add(id);
    }
    for (const id of touched.changed) {
      const download = this.downloads.byId.get(id);
      if (!download) continue;
      const held = this.keys.get(id);
      if (!this.#shows(download)) {
        if (this.keys.delete(id)) leaving.add(id);
        continue;
      }
      const key = this.#key(download);
      if (held === key) continue;
      if (held !== undefined) leaving.add(id);
      this.keys.set(id, key);
      coming.push(id);
    }
    if (leaving.size === 0 && coming.length === 0) return false;
    const stay = leaving.size === 0 ? this.ids : this.ids.filter((id) => !leaving.has(id));
    this.ids = this.#merged(stay, coming);
    return true;
  }

  /**
   * @param {string[]} stay in order
   * @param {string[]} coming in any order
   */
  #merged(stay, coming) {
    if (coming.length === 0) return stay;
    if (coming.length > stay.length * TOO_MANY) return [...stay, ...coming].sort(this.#compare);
    coming.sort(this.#compare);
    const merged = [];
    let next = 0;
    for (const id of stay) {
      while (next < coming.length && this.#compare(coming[next], id) < 0) merged.push(coming[next++]);
      merged.push(id);
    }
    while (next < coming.length) merged.push(coming[next++]);
    return merged;
  }

  /** @param {Download} download */
  #shows(download) {
    if (this.group !== "all" && groupOf(download.status) !== this.group) return false;
    if (!this.search) return true;
    return folded(download.name).includes(this.search) || folded(download.url).includes(this.search);
  }

  /**
   * What is compared of a download.
   * @param {Download} download
   * @returns {number | string}
   */
  #key(download) {
    switch (this.sorting.key) {
      case "name": return download.name;
      case "size": return download.size ?? -1;
      case "progress": return download.progress ?? -1;
      case "speed": return download.speed;
      case "eta": return download.eta ?? Infinity;
      case "threads": return download.threads.active;
      // Only the head of the queue has places; the rest follows by priority.
      case "queue": return download.position ?? 1e6 - download.priority;
      default: return download.added_at;
    }
  }

  /**
   * @param {string} a
   * @param {string} b
   */
  #compare = (a, b) => {
    const first = /** @type {number | string} */ (this.keys.get(a));
    const second = /** @type {number | string} */ (this.keys.get(b));
    let found = 0;
    if (this.sorting.key === "name") found = this.order.compare(String(first), String(second));
    else if (first < second) found = -1;
    else if (first > second) found = 1;
    if (found !== 0) return found * this.sorting.direction;
    // What was added together stays in the order in which it was given.
    const arrival = this.downloads.arrival;
    return (arrival.get(a) ?? 0) - (arrival.get(b) ?? 0);
  };
}

/**
 * A text as it is searched: in small letters, and ё as it is mostly typed.
 * @param {string} text
 */
function folded(text) {
  return text.normalize().toLowerCase().replaceAll("ё", "е");
}
