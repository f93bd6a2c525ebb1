// What a person does in the list: keys, clicks, and fingers, which choose by resting on a row. Gives commands and
// moves the selection; shows nothing itself.

import { act } from "./acts.js";
import { byId } from "./dom.js";
import { wishOf } from "./keys.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./keys.js").Wish} Wish */
/** @typedef {import("./list.js").List} List */

/** Milliseconds that a finger rests on a row to choose it. */
const RESTS = 500;
/** Pixels that a resting finger may move. */
const TREMBLES = 8;

/** What only says something to who sees the list. @type {Set<Wish>} */
const OF_THE_LIST = new Set([
  "search", "up", "down", "page-up", "page-down", "first", "last", "reach-up", "reach-down", "select-all", "select", "details",
]);

export class Hands {
  /**
   * @param {Context} context
   * @param {List} list
   * @param {{ show: (id: string) => void, close: () => void, add: () => void, help: () => void, leaveSearch: () => boolean }} on
   */
  constructor(context, list, on) {
    this.context = context;
    this.list = list;
    this.on = on;
    this.beside = matchMedia("(min-width: 1100px)");
    /** The finger or mouse that is down, or was last. */
    this.down = {
      kind: "mouse", x: 0, y: 0, resting: 0, hasChosen: false,
      /** The row that it went down on. */
      over: /** @type {string | null} */ (null),
      /** The row that a finger may choose by resting there. */
      id: /** @type {string | null} */ (null),
    };
    const { rows } = list;
    rows.addEventListener("pointerdown", (event) => this.#press(event));
    rows.addEventListener("pointermove", (event) => {
      if (Math.hypot(event.clientX - this.down.x, event.clientY - this.down.y) > TREMBLES) this.#lift();
    });
    rows.addEventListener("pointercancel", () => this.#lift());
    rows.addEventListener("pointerup", () => {
      this.#lift();
      this.down.id = null;
    });
    // Some browsers have a long press of their own, and end ours with it. It may be told late, when the finger
    // has left, or is on another row.
    rows.addEventListener("contextmenu", (event) => {
      if (this.down.kind !== "touch") return;
      event.preventDefault();
      if (this.down.id !== null && this.down.id === idOf(event)) this.#choose(this.down.id);
    });
    rows.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("keydown", (event) => {
      const wish = wishOf(event);
      if (wish !== null && this.#wish(wish)) event.preventDefault();
    });
    byId("grid").addEventListener("focus", () => {
      if (list.current === null && byId("grid").matches(":focus-visible")) list.step(1);
    });
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.#lift();
    const id = idOf(event);
    this.down = {
      kind: event.pointerType, x: event.clientX, y: event.clientY, resting: 0, hasChosen: false, over: id, id: null,
    };
    // A tap on these is enough, and by its grip a row is carried.
    if (event.pointerType !== "touch" || id === null || closest(event, ".act, .lead")) return;
    this.down.id = id;
    this.down.resting = setTimeout(() => this.#choose(id), RESTS);
  }

  /**
   * Chooses a row for the finger that rests on it, once.
   * @param {string} id
   */
  #choose(id) {
    this.#lift();
    if (this.down.hasChosen) return;
    this.down.hasChosen = true;
    this.context.selection.toggle(id);
  }

  /** It rests no longer. */
  #lift() {
    clearTimeout(this.down.resting);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const { context, list, down } = this;
    const { selection, view } = context;
    const id = idOf(event);
    // The click that ends a long press has been answered.
    const isAnswered = down.hasChosen;
    down.hasChosen = false;
    if (id === null || isAnswered) return;
    // Another row has come under the pointer while it was down; a key's click has none.
    if (event.detail > 0 && down.over !== id) return;
    const command = closest(event, ".act")?.dataset.command;
    if (command) return void act(context, command, [id]);
    list.setCurrent(id);
    if (event.shiftKey) return selection.reach(id, view.ids);
    const choosesOn = down.kind === "touch" && selection.ids.size > 0;
    if (choosesOn || closest(event, ".lead") || event.ctrlKey || event.metaKey) return selection.toggle(id);
    selection.begin(id);
    this.on.show(id);
  }

  /**
   * Does what a key asks for; says whether there was anything to do.
   * @param {Wish} wish
   */
  #wish(wish) {
    const { context, list, on } = this;
    const { selection, view } = context;
    const { current } = list;
    const isReading = this.#isReading();
    // There arrows scroll, and nobody sees the rows.
    if (isReading && OF_THE_LIST.has(wish)) return false;
    const one = isReading ? list.shown : current;
    const meant = !isReading && selection.ids.size > 0 ? [...selection.ids] : one !== null ? [one] : [];
    const direction = /^order-(.*)$/.exec(wish)?.[1];
    if (direction) return void act(context, direction, meant), true;
    switch (wish) {
      case "add": on.add(); break;
      case "search": byId("search").focus(); break;
      case "help": on.help(); break;
      case "up": this.#go(-1); break;
      case "down": this.#go(1); break;
      case "page-up": this.#go(-list.page); break;
      case "page-down": this.#go(list.page); break;
      case "first": this.#go(-view.ids.length); break;
      case "last": this.#go(view.ids.length); break;
      case "reach-up": this.#reach(-1); break;
      case "reach-down": this.#reach(1); break;
      case "select-all": selection.all(view.ids); break;
      case "select": if (current !== null) selection.toggle(current); break;
      case "details": if (current !== null) on.show(current); break;
      case "pause": this.#pauseOrResume(meant); break;
      case "remove": act(context, "remove", meant); break;
      case "close": return this.#close();
    }
    return true;
  }

  /** Whether the details cover the list, or have the focus: then they are what is meant. */
  #isReading() {
    if (this.list.shown === null) return false;
    return !this.beside.matches || byId("details").contains(document.activeElement);
  }

  /** @param {number} by */
  #go(by) {
    const { list } = this;
    byId("grid").focus({ preventScroll: true });
    list.step(by);
    // The details follow where they stand beside the list.
    if (list.shown !== null && list.current !== null && this.beside.matches) this.on.show(list.current);
  }

  /** @param {number} by */
  #reach(by) {
    const { list } = this;
    const { selection, view } = this.context;
    if (selection.ids.size === 0 || selection.anchor === null) selection.begin(list.current);
    this.#go(by);
    if (list.current !== null) selection.reach(list.current, view.ids);
  }

  /** Closes the nearest thing: the search that has the focus, details, the selection, the search. */
  #close() {
    const { selection } = this.context;
    if (document.activeElement === byId("search")) return this.on.leaveSearch();
    if (this.list.shown !== null) this.on.close();
    else if (selection.ids.size > 0) selection.clear();
    else return this.on.leaveSearch();
    return true;
  }

  /** @param {string[]} ids */
  #pauseOrResume(ids) {
    const { downloads } = this.context;
    const runs = ids.some((id) => ["queued", "probing", "downloading"].includes(downloads.byId.get(id)?.status ?? ""));
    act(this.context, runs ? "pause" : "resume", ids);
  }
}

/**
 * @param {Event} event
 * @param {string} selector
 */
function closest(event, selector) {
  return /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest(selector));
}

/**
 * The download in whose row something happens.
 * @param {Event} event
 */
function idOf(event) {
  return closest(event, ".row")?.dataset.id ?? null;
}
