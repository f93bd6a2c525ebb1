// The tabs that filter, and the heads of the columns that sort. They say what is wished; they sort nothing.

import { el, mark, svg, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../types.d.ts").Group} Group */
/** @typedef {import("../types.d.ts").Sorting} Sorting */
/** @typedef {import("../types.d.ts").SortKey} SortKey */
/** @typedef {import("./text.js").Text} Text */

/** @type {Group[]} */
export const GROUPS = ["all", "active", "queued", "paused", "completed", "failed"];

/** The direction that a column begins with: the one that is wanted more often. @type {Record<SortKey, 1 | -1>} */
export const BEGINS = { added: -1, name: 1, progress: -1, size: -1, speed: -1, eta: 1, threads: -1, queue: 1 };

/** The tabs. */
export class Tabs {
  /**
   * @param {HTMLElement} element
   * @param {(group: Group) => void} choose
   */
  constructor(element, choose) {
    this.buttons = GROUPS.map((group) => {
      const name = el("span");
      const count = el("span", { class: "count number" });
      const button = el("button", { type: "button", "aria-pressed": "false" }, name, count);
      button.addEventListener("click", () => choose(group));
      return { group, name, count, button };
    });
    element.append(...this.buttons.map(({ button }) => button));
  }

  /**
   * @param {Record<Group, number>} counts
   * @param {Group} chosen
   * @param {Text} text
   */
  paint(counts, chosen, text) {
    for (const { group, name, count, button } of this.buttons) {
      write(name, text.say(`page-tab-${group}`));
      write(count, counts[group] ? text.number(counts[group]) : "");
      mark(button, "aria-pressed", String(group === chosen));
      button.classList.toggle("alarm", group === "failed" && counts.failed > 0);
    }
  }
}

/** The heads. */
export class Heads {
  /**
   * @param {HTMLElement} row
   * @param {{ sort: (key: SortKey) => void, all: () => void }} on
   */
  constructor(row, on) {
    this.on = on;
    this.box = el("button", { type: "button", class: "all", role: "checkbox", "aria-checked": "false" },
      el("span", { class: "box" }, icon("check")));
    this.box.addEventListener("click", () => on.all());
    this.acts = el("span", { class: "unseen" });
    this.keys = /** @type {SortKey[]} */ (["name", "progress", "size", "speed", "eta", "threads"]);
    this.cells = new Map(this.keys.map((key) => [key, this.#cell(key)]));
    const cell = (/** @type {SortKey} */ key) => /** @type {HTMLElement} */ (this.cells.get(key)?.cell);
    row.append(
      el("div", { role: "columnheader" }, this.box), cell("name"),
      el("div", { class: "pair", role: "none" }, cell("progress"), cell("size")),
      cell("speed"), cell("eta"), cell("threads"),
      el("div", { role: "columnheader" }, this.acts));
  }

  /** @param {SortKey} key */
  #cell(key) {
    const name = el("span");
    const arrow = svg("svg", { viewBox: "0 0 10 10", class: "icon arrow", "aria-hidden": "true" },
      svg("path", { d: "M2 6.5L5 3.5l3 3" }));
    const button = el("button", { type: "button" }, name, arrow);
    button.addEventListener("click", () => this.on.sort(key));
    const isNumber = key !== "name" && key !== "progress" && key !== "size";
    if (isNumber || key === "size") button.prepend(arrow);
    const cell = el("div", { role: "columnheader", class: isNumber ? `right ${key}` : key }, button);
    return { cell, name };
  }

  /**
   * @param {Sorting} sorting
   * @param {"none" | "some" | "all"} chosen
   * @param {Text} text
   */
  paint(sorting, chosen, text) {
    for (const [key, { cell, name }] of this.cells) {
      write(name, text.say(`page-column-${key}`));
      const direction = sorting.direction === 1 ? "ascending" : "descending";
      mark(cell, "aria-sort", sorting.key === key ? direction : null);
    }
    write(this.acts, text.say("page-column-actions"));
    mark(this.box, "aria-checked", { none: "false", some: "mixed", all: "true" }[chosen]);
    mark(this.box, "aria-label", text.say("page-select-all"));
  }
}
