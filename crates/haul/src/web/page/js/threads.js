// The table of threads: what each does, where from, how fast.

import { el, mark, write } from "./dom.js";
import { hostOf } from "./urls.js";

/** @typedef {import("../types.d.ts").Block} Block */
/** @typedef {import("./text.js").Text} Text */

/** @typedef {{ row: HTMLTableRowElement, number: HTMLElement, state: HTMLElement, source: HTMLElement, fill: HTMLElement, speed: HTMLElement }} Line */

export class Threads {
  /**
   * @param {Text} text
   * @param {(thread: number | null) => void} point called when a thread is pointed at
   */
  constructor(text, point) {
    this.text = text;
    this.point = point;
    /** @type {Line[]} */
    this.lines = [];
    const heads = ["number", "state", "source", "block", "speed"].map((name) =>
      el("th", { scope: "col", class: name === "speed" ? "right" : name }, text.say(`page-thread-${name}`)));
    this.body = el("tbody");
    this.element = el("table", { class: "table" }, el("thead", {}, el("tr", {}, ...heads)), this.body);
  }

  /** @param {Block[]} blocks */
  paint(blocks) {
    // Where all come from one host, its name in each line says nothing.
    const isOne = new Set(blocks.map(({ url }) => hostOf(url))).size < 2;
    this.element.classList.toggle("one-source", isOne);
    while (this.lines.length < blocks.length) this.lines.push(this.#line());
    for (const line of this.lines.splice(blocks.length)) line.row.remove();
    blocks.forEach((block, at) => this.#paint(this.lines[at], block));
  }

  /**
   * @param {Line} line
   * @param {Block} block
   */
  #paint(line, block) {
    const { text } = this;
    line.row.dataset.thread = String(block.thread);
    write(line.number, String(block.thread));
    write(line.state, text.say(`thread-${block.state}`));
    write(line.source, hostOf(block.url));
    const share = block.end === null ? 0 : block.done / Math.max(1, block.end - block.start + 1);
    line.fill.style.transform = `translateX(${(Math.min(1, share) - 1) * 100}%)`;
    mark(line.fill.parentElement ?? line.fill, "title",
      block.end === null ? "" : text.percent(share * 100));
    write(line.speed, block.state === "streaming" ? text.speed(block.speed) : "");
  }

  /** @returns {Line} */
  #line() {
    const fill = el("div", { class: "fill" });
    const line = {
      row: el("tr"),
      number: el("td", { class: "number" }),
      state: el("td"),
      source: el("td", { class: "source" }),
      fill,
      speed: el("td", { class: "number right" }),
    };
    line.row.append(line.number, line.state, line.source, el("td", {}, el("div", { class: "track" }, fill)), line.speed);
    line.row.addEventListener("pointerenter", () => this.point(Number(line.row.dataset.thread)));
    line.row.addEventListener("pointerleave", () => this.point(null));
    this.body.append(line.row);
    return line;
  }
}
