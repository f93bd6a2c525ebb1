// Taking a queued download and putting it elsewhere in the queue, with a pointer. The keyboard and the bar of
// actions do the same by steps.

import { el } from "./dom.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./list.js").List} List */

/** Pixels that a pointer goes before it means to carry something. */
const MEANT = 5;

/**
 * Where to put a queued download that is dropped before a row. Rows without a place wait or stand too far behind:
 * among them it goes behind the last one that has a place.
 * @param {number} own its place
 * @param {number} gap the row, counted from 0
 * @param {(number | null)[]} places of the rows
 */
export function placeAt(own, gap, places) {
  const above = places.slice(0, gap).findLast((place) => place !== null);
  const before = places[gap] ?? (above ?? -1) + 1;
  return before > own ? before - 1 : before;
}

export class Order {
  /**
   * @param {Context} context
   * @param {List} list
   * @param {(id: string, position: number) => void} put
   */
  constructor(context, list, put) {
    this.context = context;
    this.list = list;
    this.put = put;
    this.line = el("div", { class: "insertion" });
    /** @type {{ id: string, from: number, row: HTMLElement, isMeant: boolean } | null} */
    this.carried = null;
    list.rows.addEventListener("pointerdown", (event) => this.#take(event));
    list.rows.addEventListener("pointermove", (event) => this.#carry(event));
    list.rows.addEventListener("pointerup", (event) => this.#drop(event));
    list.rows.addEventListener("pointercancel", () => this.#end());
    // A click follows the drop, and would choose what was dropped.
    list.rows.addEventListener("click", (event) => {
      if (this.isJustDropped) event.stopImmediatePropagation();
      this.isJustDropped = false;
    }, { capture: true });
    this.isJustDropped = false;
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.carried) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.isJustDropped = this.carried.isMeant;
      this.#end();
    }, { capture: true });
  }

  /** Whether the list stands in the order of the queue, so that places mean something. */
  get isQueue() {
    return this.context.view.sorting.key === "queue" && this.context.view.sorting.direction === 1;
  }

  /** @param {PointerEvent} event */
  #take(event) {
    const lead = /** @type {HTMLElement} */ (event.target).closest(".lead");
    const row = /** @type {HTMLElement | null} */ (lead?.closest(".row"));
    if (!row || !this.isQueue || event.button !== 0) return;
    const id = row.dataset.id ?? "";
    if (this.context.downloads.byId.get(id)?.position == null) return;
    this.carried = { id, from: event.clientY, row, isMeant: false };
  }

  /** @param {PointerEvent} event */
  #carry(event) {
    const { carried } = this;
    if (!carried) return;
    if (!carried.isMeant && Math.abs(event.clientY - carried.from) < MEANT) return;
    if (!carried.isMeant) {
      carried.isMeant = true;
      // Not before: with it, a click would hit the list and no row.
      this.list.rows.setPointerCapture(event.pointerId);
    }
    carried.row.classList.add("dragged");
    const gap = this.#gap(event.clientY);
    this.line.style.transform = `translateY(${gap * this.list.rowHeight}px)`;
    this.list.rows.append(this.line);
  }

  /** @param {PointerEvent} event */
  #drop(event) {
    const { carried } = this;
    if (!carried) return;
    const gap = this.#gap(event.clientY);
    this.#end();
    if (!carried.isMeant) return;
    this.isJustDropped = true;
    const { downloads, view } = this.context;
    const own = downloads.byId.get(carried.id)?.position;
    if (own == null) return;
    const position = placeAt(own, gap, view.ids.map((id) => downloads.byId.get(id)?.position ?? null));
    if (position !== own) this.put(carried.id, position);
  }

  #end() {
    this.carried?.row.classList.remove("dragged");
    this.carried = null;
    this.line.remove();
  }

  /**
   * Before which row a pointer is, counted from 0.
   * @param {number} y
   */
  #gap(y) {
    const top = this.list.rows.getBoundingClientRect().top;
    const gap = Math.round((y - top) / this.list.rowHeight);
    return Math.max(0, Math.min(this.context.view.ids.length, gap));
  }
}
