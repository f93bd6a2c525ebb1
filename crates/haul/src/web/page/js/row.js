// One row of the list: its elements, and how a download is painted into them. Writes only what differs.

import { el, mark, write } from "./dom.js";
import { icon, redraw } from "./icons.js";
import { mainCommand } from "./commands.js";
import { groupOf } from "./state.js";
import { halves } from "./urls.js";
import { about, amount, share } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./text.js").Text} Text */

/** @type {Record<string, string>} */
const STATES = {
  queued: "queued", active: "active", paused: "pause", completed: "check", failed: "failed", cancelled: "cancel",
};

export class Row {
  constructor() {
    this.id = "";
    this.index = -1;
    this.state = icon("queued");
    this.state.classList.add("state");
    this.grip = icon("grip");
    this.grip.classList.add("grip");
    this.start = el("span", { class: "start", dir: "auto" });
    this.end = el("span", { class: "end" });
    this.place = el("span", { class: "place" });
    this.when = el("span", { class: "when number" });
    this.share = el("span", { class: "share number", role: "gridcell" });
    this.size = el("span", { class: "size number", role: "gridcell" });
    this.fill = el("div", { class: "fill" });
    this.track = el("div", { class: "track" }, this.fill);
    this.speed = el("div", { class: "speed right number", role: "gridcell" });
    this.eta = el("div", { class: "eta right number", role: "gridcell" });
    this.threads = el("div", { class: "threads right number", role: "gridcell" });
    this.drawn = icon("pause");
    this.act = el("button", { type: "button", class: "act", tabindex: "-1" }, this.drawn);
    this.name = el("div", { class: "name" }, this.start, this.end);
    this.tick = el("div", { class: "tick", role: "checkbox" }, this.state, this.grip, el("span", { class: "box" }, icon("check")));
    this.element = el("div", { class: "row placed", role: "row" },
      el("div", { class: "lead", role: "gridcell" }, this.tick),
      el("div", { class: "main", role: "gridcell" }, this.name,
        el("div", { class: "about" }, this.when, this.place)),
      el("div", { class: "progress", role: "none" },
        el("div", { class: "figures", role: "none" }, this.share, this.size), this.track),
      this.speed, this.eta, this.threads,
      el("div", { role: "gridcell" }, this.act));
    this.height = 0;
    this.full = -1;
    this.icons = "";
  }

  /**
   * Puts it where row `index` stands.
   * @param {number} index
   * @param {number} height of each row
   */
  put(index, height) {
    if (this.index === index && this.height === height) return;
    this.index = index;
    this.height = height;
    this.element.style.transform = `translateY(${index * height}px)`;
    mark(this.element, "aria-rowindex", String(index + 2));
  }

  /**
   * Shows whether it is one of the selected.
   * @param {boolean} isSelected
   */
  select(isSelected) {
    mark(this.element, "aria-selected", String(isSelected));
    mark(this.tick, "aria-checked", String(isSelected));
  }

  /**
   * @param {Download} download
   * @param {Text} text
   */
  paint(download, text) {
    const group = groupOf(download.status);
    const isOther = this.id !== download.id;
    const { element } = this;
    if (isOther) {
      this.id = download.id;
      element.id = `row-${download.id}`;
      element.dataset.id = download.id;
    }
    element.classList.toggle("placed", isOther);
    mark(element, "data-group", group);
    mark(element, "data-status", download.status);
    // While bytes come in, how fast says more than what would make it faster.
    mark(element, "data-waits", download.reason && download.speed === 0 ? "" : null);
    // A bar that says nothing is not drawn.
    element.classList.toggle("bare", group !== "active" && download.done === 0);
    const [start, end] = halves(download.name);
    write(this.start, start);
    write(this.end, end);
    mark(this.name, "title", download.name);
    write(this.share, share(download, text));
    write(this.size, download.size === null ? "" : text.size(download.size));
    write(this.place, about(download, text));
    // What the daemon itself says of what is wrong.
    mark(this.place, "title", download.error?.detail ?? download.reason);
    mark(this.tick, "aria-label", text.say("page-select", { name: download.name }));
    this.#paintFigures(download, text, group);
    this.#paintBar(download, group);
    this.#paintIcons(download, text, group);
  }

  /**
   * @param {Download} download
   * @param {Text} text
   * @param {string} group
   */
  #paintFigures(download, text, group) {
    const moves = group === "active" && download.status === "downloading";
    const speed = moves ? text.speed(download.speed) : "";
    const eta = moves && download.eta !== null ? text.duration(download.eta) : "";
    write(this.speed, speed);
    write(this.eta, eta);
    write(this.threads, moves ? `${download.threads.active}/${download.threads.limit}` : "");
    // What the columns say, where there is no room for them: the size last, for how much of it is there stands
    // above in percent.
    const size = moves && download.size !== null ? text.size(download.size) : amount(download, text);
    const parts = download.status === "failed" ? [] : [speed, eta, size];
    write(this.when, parts.filter(Boolean).join(" · "));
  }

  /**
   * @param {Download} download
   * @param {string} group
   */
  #paintBar(download, group) {
    const isUnknown = download.progress === null && download.status === "downloading";
    this.track.classList.toggle("unknown", isUnknown);
    const full = isUnknown ? -1 : group === "completed" ? 100 : download.progress ?? 0;
    if (full === this.full) return;
    this.full = full;
    this.fill.style.transform = isUnknown ? "" : `translateX(${full - 100}%)`;
  }

  /**
   * @param {Download} download
   * @param {Text} text
   * @param {string} group
   */
  #paintIcons(download, text, group) {
    const command = download.status === "completed" ? "save" : mainCommand(download.status);
    const state = STATES[download.status] ?? STATES[group];
    const icons = `${state} ${command} ${text.lang}`;
    if (icons === this.icons) return;
    this.icons = icons;
    redraw(this.state, state);
    this.act.hidden = command === null;
    if (command === null) return;
    redraw(this.drawn, command);
    this.act.dataset.command = command;
    const label = text.say(`page-${command}`);
    mark(this.act, "aria-label", label);
    mark(this.act, "title", label);
  }
}
