// The list: only the rows that can be seen exist, and a row that has scrolled out becomes another download.
// Knows what is shown and where; decides nothing about downloads.

import { mark } from "./dom.js";
import { Row } from "./row.js";

/** @typedef {import("./context.js").Context} Context */

/** Rows above and below what is seen, so that a fast hand sees no hole. */
const SPARE = 6;

export class List {
  /**
   * @param {Context} context
   * @param {HTMLElement} grid what scrolls
   * @param {HTMLElement} rows what holds the rows
   * @param {HTMLElement} head what stays above them
   */
  constructor(context, grid, rows, head) {
    this.context = context;
    this.grid = grid;
    this.rows = rows;
    this.head = head;
    /** @type {Row[]} */
    this.pool = [];
    this.rowHeight = 52;
    this.seen = 0;
    /** The download that the keyboard is at. @type {string | null} */
    this.current = null;
    /** Which row that was, for when it has left. */
    this.place = 0;
    /** The one whose details are shown. @type {string | null} */
    this.shown = null;
    /** What has to be painted in the next frame; null is everything. @type {Set<string> | null} */
    this.dirty = new Set();
    this.isMoved = false;
    this.frame = 0;
    grid.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(grid);
  }

  /**
   * Paints these, if they are seen, in the next frame.
   * @param {Iterable<string>} ids
   */
  touch(ids) {
    if (this.dirty) for (const id of ids) this.dirty.add(id);
    this.#soon();
  }

  /** Paints everything in the next frame. */
  touchAll() {
    this.dirty = null;
    this.#soon();
  }

  /** Rows have come, gone or moved. */
  move() {
    this.isMoved = true;
    this.#soon();
  }

  /** Shows it from the beginning. */
  toTop() {
    this.grid.scrollTop = 0;
    this.move();
  }

  /**
   * @param {string | null} id
   */
  setCurrent(id) {
    const before = this.current;
    this.current = id;
    this.touch([before, id].filter((one) => one !== null));
    if (id !== null) this.#reveal(this.context.view.ids.indexOf(id));
  }

  /**
   * Goes by so many rows.
   * @param {number} by
   */
  step(by) {
    const { ids } = this.context.view;
    if (ids.length === 0) return;
    const at = this.current === null ? -1 : ids.indexOf(this.current);
    const hasLeft = this.current !== null && at < 0;
    const next = hasLeft ? this.place : at < 0 ? (by > 0 ? 0 : ids.length - 1) : at + by;
    this.setCurrent(ids[Math.max(0, Math.min(ids.length - 1, next))]);
  }

  /** How many rows are seen at once. */
  get page() {
    return Math.max(1, Math.floor(this.seen / this.rowHeight) - 1);
  }

  /** @param {number} index */
  #reveal(index) {
    if (index < 0) return;
    const top = index * this.rowHeight;
    const { scrollTop } = this.grid;
    if (top < scrollTop) this.grid.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + this.seen) this.grid.scrollTop = top + this.rowHeight - this.seen;
    // The row must exist before it can be named as the current one.
    this.#draw();
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row"));
    const seen = this.grid.clientHeight - this.head.offsetHeight;
    const share = this.grid.scrollTop / this.rowHeight;
    const isOther = height !== this.rowHeight;
    this.rowHeight = height;
    this.seen = seen;
    const wanted = Math.ceil(seen / height) + 2 * SPARE;
    while (this.pool.length < wanted) this.pool.push(new Row());
    for (const row of this.pool.splice(wanted)) row.element.remove();
    for (const row of this.pool) row.id = "";
    if (isOther) {
      this.#size();
      this.grid.scrollTop = share * height;
    }
    this.touchAll();
  }

  #size() {
    const { length } = this.context.view.ids;
    this.rows.style.height = `${length * this.rowHeight}px`;
    mark(this.grid, "aria-rowcount", String(length + 1));
  }

  #soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { ids } = this.context.view;
    if (this.isMoved) this.#hold();
    const first = Math.max(0, Math.floor(this.grid.scrollTop / this.rowHeight) - SPARE);
    const last = Math.min(ids.length, first + this.pool.length);
    for (let index = first; index < last; index++) this.#drawRow(index, ids[index]);
    if (last - first < this.pool.length) this.#rest(first, last);
    this.isMoved = false;
    this.dirty = new Set();
    const current = this.current && document.getElementById(`row-${this.current}`);
    mark(this.grid, "aria-activedescendant", current ? current.id : null);
  }

  /**
   * @param {number} index
   * @param {string} id
   */
  #drawRow(index, id) {
    const { downloads, selection, text } = this.context;
    const row = this.pool[index % this.pool.length];
    const { element } = row;
    const isOther = row.id !== id;
    const download = downloads.byId.get(id);
    if (!download) return;
    row.put(index, this.rowHeight);
    if (isOther || this.dirty === null || this.dirty.has(id)) {
      row.paint(download, text);
      row.select(selection.ids.has(id));
      element.classList.toggle("current", id === this.current);
      element.classList.toggle("shown", id === this.shown);
    }
    if (!element.isConnected) this.rows.append(element);
  }

  /**
   * Takes away the rows that stand for nothing from `first` to `last`.
   * @param {number} first
   * @param {number} last
   */
  #rest(first, last) {
    const { ids } = this.context.view;
    for (const row of this.pool) {
      if (row.index >= first && row.index < last && ids[row.index] === row.id) continue;
      row.element.remove();
      row.id = "";
      row.index = -1;
    }
  }

  /** What is looked at stays where it is when rows come and go above it. */
  #hold() {
    const { ids } = this.context.view;
    const top = this.grid.scrollTop;
    const held = this.pool.find((row) => row.id && row.index === Math.floor(top / this.rowHeight));
    this.#size();
    if (top === 0 || !held) return;
    const now = ids.indexOf(held.id);
    if (now >= 0 && now !== held.index) this.grid.scrollTop = top + (now - held.index) * this.rowHeight;
  }
}
