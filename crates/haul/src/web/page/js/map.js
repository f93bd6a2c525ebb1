// The live map of a file: a cell for each slice, as full as the slice is, and a mark where each thread writes.

import { mark, svg } from "./dom.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Block} Block */

/** Cells in a line: the daemon gives 512 at most. */
const COLUMNS = 32;
const GAP = 2;

export class BlockMap {
  constructor() {
    this.element = svg("svg", { class: "map", role: "img" });
    this.cells = svg("g");
    this.marks = svg("g");
    this.element.append(this.cells, this.marks);
    this.pitch = 12;
    this.drawn = "";
    /** The thread that is pointed at. @type {number | null} */
    this.named = null;
    /** @type {Download | null} */
    this.download = null;
    new ResizeObserver(([entry]) => this.#lay(entry.contentRect.width)).observe(this.element);
  }

  /** @param {Download} download with detail */
  paint(download) {
    this.download = download;
    const map = download.map ?? "";
    if (map.length !== this.drawn.length) this.#build(map.length);
    for (let at = 0; at < map.length; at++) {
      if (map[at] !== this.drawn[at]) mark(this.cells.children[at], "class", `c${map[at]}`);
    }
    this.drawn = map;
    this.#paintMarks(download);
  }

  /**
   * Shows one thread's place more clearly.
   * @param {number | null} thread
   */
  name(thread) {
    this.named = thread;
    if (this.download) this.#paintMarks(this.download);
  }

  /** @param {Download} download */
  #paintMarks(download) {
    const blocks = download.size ? download.blocks ?? [] : [];
    while (this.marks.childElementCount < blocks.length) {
      this.marks.append(svg("rect"));
    }
    while (this.marks.childElementCount > blocks.length) this.marks.lastElementChild?.remove();
    blocks.forEach((block, at) => {
      const element = this.marks.children[at];
      const cell = this.#cellAt(block, download);
      this.#put(element, cell);
      const waits = block.state === "streaming" ? "" : " waits";
      mark(element, "class", `at${waits}${block.thread === this.named ? " named" : ""}`);
    });
  }

  /**
   * The cell in which a thread writes next.
   * @param {Block} block
   * @param {Download} download
   */
  #cellAt(block, download) {
    const size = download.size ?? 1;
    const share = (block.start + block.done) / size;
    return Math.max(0, Math.min(this.drawn.length - 1, Math.floor(share * this.drawn.length)));
  }

  /** @param {number} count */
  #build(count) {
    this.cells.replaceChildren(...Array.from({ length: count }, () => svg("rect")));
    this.drawn = " ".repeat(count);
    this.#place();
  }

  /** @param {number} width */
  #lay(width) {
    const pitch = Math.max(4, (width + GAP) / COLUMNS);
    if (pitch === this.pitch) return;
    this.pitch = pitch;
    this.#place();
    if (this.download) this.#paintMarks(this.download);
  }

  #place() {
    [...this.cells.children].forEach((cell, at) => this.#put(cell, at));
    const lines = Math.ceil(this.drawn.length / COLUMNS);
    this.element.style.height = `${Math.max(0, lines * Math.floor(this.pitch) - GAP)}px`;
  }

  /**
   * @param {Element} rect
   * @param {number} cell
   */
  #put(rect, cell) {
    const column = cell % COLUMNS;
    const high = Math.floor(this.pitch);
    // Some are a pixel wider, so that a line fills its width and every edge is sharp.
    const left = Math.round(column * this.pitch);
    const right = Math.round((column + 1) * this.pitch);
    mark(rect, "x", String(left));
    mark(rect, "y", String(Math.floor(cell / COLUMNS) * high));
    mark(rect, "width", String(right - left - GAP));
    mark(rect, "height", String(high - GAP));
  }
}
