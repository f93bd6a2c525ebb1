// The live map of a file: a cell for each slice, as full as the slice is, and a mark where each thread writes.

import { mark, svg } from "./dom.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Block} Block */

const CELL = 9;
const GAP = 2;

export class BlockMap {
  constructor() {
    this.element = svg("svg", { class: "map", role: "img" });
    this.cells = svg("g");
    this.marks = svg("g");
    this.element.append(this.cells, this.marks);
    this.columns = 0;
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
    const map = download.status === "completed" ? "9".repeat(download.map?.length || 512) : download.map ?? "";
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
      this.marks.append(svg("rect", { width: CELL, height: CELL }));
    }
    while (this.marks.childElementCount > blocks.length) this.marks.lastElementChild?.remove();
    blocks.forEach((block, at) => {
      const element = this.marks.children[at];
      const cell = this.#cellAt(block, download);
      mark(element, "x", String((cell % this.columns) * (CELL + GAP)));
      mark(element, "y", String(Math.floor(cell / this.columns) * (CELL + GAP)));
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
    this.cells.replaceChildren(...Array.from({ length: count }, () => svg("rect", { width: CELL, height: CELL })));
    this.drawn = " ".repeat(count);
    this.#place();
  }

  /** @param {number} width */
  #lay(width) {
    const columns = Math.max(1, Math.floor((width + GAP) / (CELL + GAP)));
    if (columns === this.columns) return;
    this.columns = columns;
    this.#place();
    if (this.download) this.#paintMarks(this.download);
  }

  #place() {
    const columns = Math.max(1, this.columns);
    const lines = Math.ceil(this.drawn.length / columns);
    const pitch = CELL + GAP;
    [...this.cells.children].forEach((cell, at) => {
      mark(cell, "x", String((at % columns) * pitch));
      mark(cell, "y", String(Math.floor(at / columns) * pitch));
    });
    const height = Math.max(0, lines * pitch - GAP);
    this.element.style.height = `${height}px`;
  }
}
