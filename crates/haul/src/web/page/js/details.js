// The details of one download: asked for with their own subscription while they are shown, and for no longer.

import { mainCommand, suits } from "./commands.js";
import { Causes, eventItems, failureParts } from "./causes.js";
import { changeForm } from "./change.js";
import { byId, el, mark, write } from "./dom.js";
import { Facts } from "./facts.js";
import { Graph } from "./graph.js";
import { icon } from "./icons.js";
import { BlockMap } from "./map.js";
import { Threads } from "./threads.js";
import { hostOf } from "./urls.js";
import { amount } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Snapshot} Snapshot */
/** @typedef {import("../types.d.ts").Changed} Changed */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./causes.js").Cause} Cause */

/** Milliseconds between two questions why it is no faster. */
const ASK_AGAIN = 2_000;

export class Details {
  /**
   * @param {Context} context
   * @param {HTMLElement} panel
   * @param {{ act: (command: string, id: string) => void, copy: (value: string) => void, closed: () => void }} on
   */
  constructor(context, panel, on) {
    this.context = context;
    this.panel = panel;
    this.on = on;
    /** @type {Download | null} */
    this.download = null;
    /** @type {Cause[]} */
    this.causes = [];
    this.end = () => {};
    this.frame = 0;
    /** What had the focus before. @type {Element | null} */
    this.back = null;
    /** @type {string} */
    this.drawnActions = "";
    /** The last event that is shown. @type {import("./history.js").Event | undefined} */
    this.newest = undefined;
    this.beside = matchMedia("(min-width: 1100px)");
    this.beside.addEventListener("change", () => this.#cover());
    setInterval(() => this.#ask(), ASK_AGAIN);
  }

  /** @param {string} id */
  open(id) {
    if (this.download?.id === id) return;
    if (this.panel.hidden) this.back = document.activeElement;
    this.end();
    const known = this.context.downloads.byId.get(id);
    if (!known) return;
    this.download = { ...known };
    this.causes = [];
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    this.#build(this.download);
    this.#cover();
    this.end = this.context.live.watch({ ids: [id], detail: true, interval_ms: 200 },
      (snapshot) => this.#take(snapshot), (changed) => this.#take(changed));
    this.#ask();
  }

  close() {
    if (this.panel.hidden) return;
    this.end();
    this.end = () => {};
    this.download = null;
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.#cover();
    const back = this.back instanceof HTMLElement && this.back.isConnected && this.back !== document.body ? this.back : byId("grid");
    back.focus({ preventScroll: true });
    this.on.closed();
  }

  /** Where they lie over the list, nothing below them can be reached. */
  #cover() {
    const covers = !this.panel.hidden && !this.beside.matches;
    for (const below of document.querySelectorAll(".top, .downloads")) below.toggleAttribute("inert", covers);
    mark(this.panel, "role", covers ? "dialog" : "complementary");
    mark(this.panel, "aria-modal", covers ? "true" : null);
    if (covers) this.name?.focus();
  }

  /** Says everything anew, in another language. */
  again() {
    if (this.download) this.#build(this.download);
  }

  /** Once a second: time goes on in the graph. */
  tick() {
    if (!this.download) return;
    this.graph?.paint(this.context.history.of(this.download.id), this.context.text);
  }

  /** @param {Snapshot | Changed} news */
  #take(news) {
    const { download } = this;
    if (!download) return;
    const change = news.downloads.find(({ id }) => id === download.id);
    const isGone = "removed" in news ? news.removed.includes(download.id) : !change;
    if (isGone) return this.close();
    if (!change) return;
    const before = download.status;
    Object.assign(download, change);
    if (before !== download.status) this.#ask();
    this.#soon();
  }

  async #ask() {
    const { download } = this;
    if (!download || document.hidden) return;
    try {
      const { causes } = await this.context.live.call("downloads.why", { id: download.id });
      if (download !== this.download) return;
      this.causes = causes;
      this.#soon();
    } catch {
      // The connection is lost, which is said elsewhere, or the download is gone.
    }
  }

  #soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.download) this.#paint(this.download);
    });
  }

  /** @param {Download} download */
  #build(download) {
    const { text } = this.context;
    const close = el("button", { type: "button", class: "plain square", "aria-label": text.say("page-close"), title: text.say("page-close") }, icon("cancel"));
    close.addEventListener("click", () => this.close());
    this.name = el("h2", { id: "details-name", tabindex: "-1", dir: "auto" });
    this.standing = el("div");
    this.actions = el("div", { class: "actions" });
    this.drawnActions = "";
    this.figures = new Map(["share", "speed", "eta", "threads"].map((name) => [name, el("dd", { class: "number" })]));
    this.causeList = new Causes();
    this.map = new BlockMap();
    this.threads = new Threads(text, (thread) => this.map?.name(thread));
    this.graph = new Graph();
    this.facts = new Facts(this.on.copy);
    this.events = el("ul", { class: "events" });
    this.newest = undefined;
    this.change = changeForm(this.context, download);
    const legend = el("p", { class: "legend" }, ...["full", "some", "missing", "here"].map((name) =>
      el("span", {}, el("i", { class: name }), text.say(`page-map-${name}`))));
    this.parts = {
      why: section(text.say("page-why"), this.causeList.element),
      map: section(text.say("page-map"), this.map.element, legend),
      threads: section(text.say("page-threads"), this.threads.element),
      graph: section(text.say("page-graph"), this.graph.element),
      events: section(text.say("page-events"), this.events),
      change: el("section", {}, el("details", {}, el("summary", {}, text.say("page-change")), this.change.element)),
    };
    this.large = el("dl", { class: "figures-large" }, ...[...this.figures].map(([name, value]) =>
      el("div", {}, el("dt", {}, text.say(`page-figure-${name}`)), value)));
    const first = el("section", { class: "first" }, this.standing, this.actions, this.large);
    this.panel.replaceChildren(el("header", {}, this.name, close), first,
      this.parts.why, this.parts.map, this.parts.threads, this.parts.graph,
      section(text.say("page-facts"), this.facts.element), this.parts.events, this.parts.change);
    this.#paint(download);
    this.tick();
  }

  /** @param {Download} download */
  #paint(download) {
    const { text, history } = this.context;
    const { status } = download;
    const isActive = status === "downloading";
    if (!this.parts || !this.name || !this.figures || !this.events) return;
    write(this.name, download.name);
    this.#paintStanding(download);
    this.#paintActions(download);
    write(/** @type {Node} */ (this.figures.get("share")), download.progress === null ? "–" : text.percent(download.progress));
    write(/** @type {Node} */ (this.figures.get("threads")), isActive ? `${download.threads.active}/${download.threads.limit}` : "–");
    write(/** @type {Node} */ (this.figures.get("speed")), isActive ? text.speed(download.speed) : "–");
    write(/** @type {Node} */ (this.figures.get("eta")), isActive && download.eta !== null ? text.duration(download.eta) : "–");
    this.parts.why.hidden = this.causes.length === 0 || ["completed", "failed", "cancelled", "paused"].includes(status);
    this.causeList?.paint(this.causes, download, this.context);
    // Of a finished one there is nothing left to see.
    this.parts.map.hidden = !download.map || status === "completed";
    if (this.large) this.large.hidden = !isActive && status !== "paused";
    this.map?.paint(download);
    if (this.map) mark(this.map.element, "aria-label", text.say("page-map-says", { percent: text.percent(download.progress ?? 0), threads: download.blocks?.length ?? 0 }));
    this.parts.threads.hidden = !download.blocks?.length;
    this.threads?.paint(download.blocks ?? []);
    this.parts.graph.hidden = history.of(download.id).length < 2;
    this.facts?.paint(download, text);
    const events = history.events.get(download.id) ?? [];
    this.parts.events.hidden = events.length === 0;
    // The oldest are forgotten: their number says nothing.
    if (this.newest !== events.at(-1)) {
      this.newest = events.at(-1);
      this.events.replaceChildren(...eventItems(events, text));
    }
    this.change?.paint();
    this.parts.change.hidden = status === "completed";
  }

  /** @param {Download} download */
  #paintStanding(download) {
    const { text } = this.context;
    const said = [text.say(`status-${download.status}`), amount(download, text), hostOf(download.url)];
    const drawn = said.join(" · ");
    if (this.standing?.dataset.drawn === drawn) return;
    if (this.standing) this.standing.dataset.drawn = drawn;
    const parts = download.status === "failed" ? failureParts(download, text) : [];
    const plain = el("p", { class: "standing" }, said.filter(Boolean).join(" · "));
    this.standing?.replaceChildren(...parts.length ? parts : [plain]);
  }

  /** @param {Download} download */
  #paintActions(download) {
    const { text } = this.context;
    const { status, id } = download;
    const isDone = status === "completed";
    const commands = [
      ...isDone ? ["save", "copy"] : [mainCommand(status)],
      ...status === "queued" ? ["top"] : [],
      ...suits("cancel", status) ? ["cancel"] : [],
      "remove",
    ].filter((command) => command !== null);
    const drawn = commands.join();
    if (drawn === this.drawnActions) return;
    this.drawnActions = drawn;
    const hadFocus = this.actions?.contains(document.activeElement);
    this.actions?.replaceChildren(...commands.map((command, at) => {
      const label = text.say(command === "copy" ? "page-copy-file" : `page-${command}`);
      const button = el("button", { type: "button", class: at === 0 && isDone ? "primary" : "" }, icon(command), label);
      button.addEventListener("click", () => this.on.act(command, id));
      return button;
    }));
    // Not on one of the new buttons: nobody has chosen what it does.
    if (hadFocus) this.name?.focus();
  }
}

/**
 * @param {string} title
 * @param {...Node} inside
 */
function section(title, ...inside) {
  return el("section", {}, el("h3", {}, title), ...inside);
}
