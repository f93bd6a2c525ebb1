// What stands around the list: totals, the search, the state of the connection, language and theme, the empty
// page, the title of the window.

import { byId, dialogById, el, inputById, write } from "./dom.js";
import { Sparkline } from "./graph.js";
import { icon } from "./icons.js";
import { hasCharacters, keysNow, switchCharacters } from "./keys.js";
import { nextTheme, theme } from "./theme.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").SortKey} SortKey */

/** Milliseconds that the connection may be away before anybody is told: a restart takes less. */
const TOLD_AFTER = 800;
/** Milliseconds between two letters of one word. */
const TYPING = 80;
const SORTS = /** @type {SortKey[]} */ (["added", "queue", "name", "progress", "size", "speed", "eta"]);

export class Frame {
  /**
   * @param {Context} context
   * @param {{ add: (text?: string) => void, limits: () => void, all: () => void, search: (text: string) => void, sort: (key: SortKey) => void, language: () => void, back: () => void }} on
   */
  constructor(context, on) {
    this.context = context;
    this.on = on;
    this.isPainted = false;
    this.told = 0;
    this.sparkline = new Sparkline(/** @type {SVGSVGElement} */ (document.querySelector("#sparkline")));
    this.search = inputById("search");
    this.#listen();
  }

  #listen() {
    const { on, search } = this;
    let typing = 0;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => on.search(search.value), TYPING);
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") byId("grid").focus();
    });
    press("add-open", () => on.add());
    press("none-clear", () => {
      search.value = "";
      on.search("");
    });
    for (const id of ["theme", "menu-theme"]) {
      press(id, () => {
        nextTheme();
        this.#paintTheme();
      });
    }
    for (const id of ["language", "menu-language"]) press(id, on.language);
    press("help-open", () => this.help());
    inputById("help-characters").checked = hasCharacters();
    byId("help-characters").addEventListener("change", () => {
      switchCharacters();
      this.#paintKeys();
    });
    press("menu-open", () => dialogById("menu").showModal());
    for (const [id, act] of /** @type {[string, () => void][]} */ ([
      ["menu-all", on.all], ["menu-limits", on.limits], ["menu-help", () => this.help()],
    ])) {
      press(id, () => {
        dialogById("menu").close();
        act();
      });
    }
    const sort = /** @type {HTMLSelectElement} */ (byId("menu-sort"));
    sort.addEventListener("change", () => on.sort(/** @type {SortKey} */ (sort.value)));
    byId("empty-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = inputById("empty-field");
      if (!field.value.trim()) return;
      on.add(field.value);
      field.value = "";
    });
  }

  /** Says everything in the language now. */
  again() {
    const { text } = this.context;
    const other = text.lang === "en" ? "ru" : "en";
    byId("language").textContent = other.toUpperCase();
    for (const id of ["language", "menu-language"]) byId(id).setAttribute("lang", other);
    byId("language").title = text.say("page-other-language");
    byId("language").ariaLabel = text.say("page-other-language");
    byId("menu-language").textContent = text.say("page-other-language");
    byId("empty-command").textContent = `haul add --server ${location.origin} URL`;
    this.#paintKeys();
    byId("menu-sort").replaceChildren(...SORTS.map((key) =>
      el("option", { value: key }, text.say(`page-column-${key}`))));
    /** @type {HTMLSelectElement} */ (byId("menu-sort")).value = this.context.view.sorting.key;
    this.#paintTheme();
    this.paintTotals();
  }

  #paintKeys() {
    const { text } = this.context;
    byId("help-keys").replaceChildren(...keysNow().flatMap(([name, keys]) => [
      el("dt", {}, ...keys.map((key) => el("kbd", {}, key))), el("dd", {}, text.say(`page-key-${name}`)),
    ]));
  }

  help() {
    dialogById("help").showModal();
  }

  /** Leaves the search, and empties it; says whether there was anything to leave. */
  leaveSearch() {
    const { search } = this;
    if (document.activeElement !== search && !search.value) return false;
    search.value = "";
    search.blur();
    this.on.search("");
    return true;
  }

  paintTotals() {
    const { downloads, text } = this.context;
    const { stats } = downloads;
    if (!stats) return;
    this.isPainted = true;
    write(byId("total-speed"), text.speed(stats.speed));
    byId("total").classList.toggle("still", stats.speed === 0);
    const free = text.say("page-free", { size: text.size(stats.free_space) });
    write(byId("free"), free);
    write(byId("menu-free"), free);
  }

  /** @param {boolean} isKnown whether the daemon has said what there is */
  paintEmpty(isKnown) {
    const { downloads, view } = this.context;
    const isEmpty = isKnown && downloads.counts.all === 0;
    byId("empty").hidden = !isEmpty;
    byId("grid").hidden = isEmpty;
    byId("tools").classList.toggle("nothing", isEmpty);
    document.body.classList.toggle("nothing", isEmpty);
    byId("none").hidden = !isKnown || isEmpty || view.ids.length > 0;
    byId("none-clear").hidden = !view.search;
  }

  /**
   * Once a second.
   * @param {Download[]} active
   */
  tick(active) {
    const { history, text, downloads } = this.context;
    this.sparkline.paint(history.total);
    const sized = active.filter(({ size }) => size !== null);
    const size = sized.reduce((sum, download) => sum + (download.size ?? 0), 0);
    const done = sized.reduce((sum, download) => sum + download.done, 0);
    // What was last heard is no news.
    const isLost = document.body.classList.contains("offline");
    const parts = active.length === 0 || isLost ? [] : [
      size > 0 ? text.percent(done / size * 100) : text.number(active.length),
      text.speed(downloads.stats?.speed ?? 0),
    ];
    const title = [...parts, "haul"].join(" · ");
    if (document.title !== title) document.title = title;
  }

  /** @param {"up" | "down"} is */
  connection(is) {
    clearTimeout(this.told);
    if (is === "up") {
      byId("lost").hidden = true;
      document.body.classList.remove("offline");
      return;
    }
    this.#askWho();
    this.told = setTimeout(() => this.#tellLost(), TOLD_AFTER);
  }

  #tellLost() {
    const { text } = this.context;
    const lost = byId("lost");
    document.body.classList.add("offline");
    if (!lost.hidden) return;
    const again = el("button", { type: "button", class: "link" }, text.say("page-try-now"));
    again.addEventListener("click", () => this.on.back());
    lost.replaceChildren(el("span", {}, text.say("page-lost")), again);
    lost.hidden = false;
  }

  /** A socket does not say why it was refused: perhaps the token is another one now. */
  async #askWho() {
    try {
      const response = await fetch("/api/v1/stats");
      if (response.status === 401) location.reload();
    } catch {
      // Nobody is there: that is the usual reason.
    }
  }

  #paintTheme() {
    const { text } = this.context;
    const now = theme();
    const said = text.say(`page-theme-${now}`);
    byId("theme").replaceChildren(icon(now));
    byId("theme").title = said;
    byId("theme").ariaLabel = said;
    byId("menu-theme").replaceChildren(icon(now), said);
  }
}

/**
 * @param {string} id
 * @param {() => void} act
 */
function press(id, act) {
  byId(id).addEventListener("click", act);
}
