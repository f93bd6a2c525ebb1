// Joins the parts of the page. Begins with the language, then connects.

import { act, copy, put } from "./acts.js";
import { Add } from "./add.js";
import { Details } from "./details.js";
import { closable } from "./dialogs.js";
import { byId } from "./dom.js";
import { Frame } from "./frame.js";
import { Hands } from "./hands.js";
import { BEGINS, Heads, Tabs } from "./head.js";
import { History } from "./history.js";
import { draw, label } from "./labels.js";
import { Limits } from "./limits.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Many } from "./many.js";
import { Order } from "./order.js";
import { Selection } from "./selection.js";
import { Downloads, groupOf } from "./state.js";
import { Text } from "./text.js";
import { keep, kept } from "./theme.js";
import { tell, toast } from "./toast.js";
import { View } from "./view.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./state.js").Touched} Touched */
/** @typedef {import("../types.d.ts").Group} Group */
/** @typedef {import("../types.d.ts").Sorting} Sorting */
/** @typedef {import("../types.d.ts").SortKey} SortKey */

/** More at once are not named one by one. */
const MOST_NAMED = 3;
/** Milliseconds after which the limits are asked for again. */
const LIMITS_AGE = 5_000;
/** @type {Sorting} */
const NEWEST_FIRST = { key: "added", direction: -1 };

/** @param {string} lang */
async function speak(lang) {
  const response = await fetch(`/page/text/${lang}.ftl`);
  return new Text(lang, await response.text());
}

class Page {
  /** @param {Text} text */
  constructor(text) {
    const downloads = new Downloads();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    /** @type {Context} */
    this.context = {
      text,
      downloads,
      live: new Live(`${scheme}//${location.host}/api/v1/ws`, (is) => this.frame.connection(is)),
      view: new View(downloads, text.order),
      selection: new Selection(() => this.#chosen()),
      history: new History(),
      settings: null,
      toast,
    };
    const { context } = this;
    this.sorting = NEWEST_FIRST;
    this.isKnown = false;
    this.list = new List(context, byId("grid"), byId("rows"), byId("head"));
    this.tabs = new Tabs(byId("tabs"), (group) => this.#filter(group));
    this.heads = new Heads(byId("head-row"), {
      sort: (key) => this.#sortBy(key),
      all: () => context.selection.all(context.view.ids),
    });
    this.many = new Many(context, (action) => act(context, action, [...context.selection.ids]));
    this.details = new Details(context, byId("details"), {
      act: (action, id) => act(context, action, [id]),
      copy: (value) => copy(context, value),
      closed: () => this.#show(null),
    });
    this.add = new Add(context);
    this.limits = new Limits(context);
    this.frame = new Frame(context, {
      add: (text) => text ? this.add.now(text) : this.add.open(),
      limits: () => this.limits.open(),
      all: () => context.selection.all(context.view.ids),
      search: (search) => this.#search(search),
      sort: (key) => this.#sort({ key, direction: BEGINS[key] }),
      language: () => this.#speakOther(),
      back: () => context.live.connect(),
    });
    new Order(context, this.list, (id, position) => put(context, id, position));
    new Hands(context, this.list, {
      show: (id) => this.#show(id),
      close: () => this.details.close(),
      add: () => this.add.open(),
      help: () => this.frame.help(),
      leaveSearch: () => this.frame.leaveSearch(),
    });
    this.#listen();
    this.#again();
    context.live.watch({ interval_ms: 200 }, (snapshot) => {
      this.isKnown = true;
      this.#take(downloads.replace(snapshot));
      this.limits.learn();
    }, (changed) => this.#take(downloads.apply(changed)));
    context.live.connect();
    setInterval(() => this.#tick(), 1_000);
    // Nobody tells when another client changes them.
    setInterval(() => this.limits.learn(), LIMITS_AGE);
  }

  /** @param {Touched} touched */
  #take(touched) {
    const { context, list } = this;
    const { downloads, view, history, selection } = context;
    const before = view.ids;
    for (const id of touched.changed) {
      const download = downloads.byId.get(id);
      if (download) history.note(download, Date.now());
    }
    for (const id of touched.removed) history.forget(id);
    this.#announce(touched);
    if (view.update(touched)) {
      list.move();
      selection.within(view.keys);
      const at = list.current === null || view.keys.has(list.current) ? -1 : before.indexOf(list.current);
      if (at >= 0) list.place = at;
      // While its details are shown keys mean what has left, and nothing that nobody has looked at.
      if (at >= 0 && list.current !== list.shown) this.#goOn();
    }
    list.touch(touched.changed);
    if (touched.moved.size > 0 && selection.ids.size > 0) this.many.paint();
    if (touched.added.size + touched.removed.size + touched.moved.size > 0 || !this.frame.isPainted) this.#count();
    this.frame.paintTotals();
  }

  /** The keyboard goes on with what comes into the place of what has left. */
  #goOn() {
    const { view } = this.context;
    const { list } = this;
    list.current = view.ids[Math.min(list.place, view.ids.length - 1)] ?? null;
    list.touchAll();
  }

  /**
   * Tells who cannot see the list what has ended.
   * @param {Touched} touched
   */
  #announce(touched) {
    const { text, downloads } = this.context;
    for (const status of /** @type {const} */ (["completed", "failed"])) {
      const ended = [...touched.moved.keys()].map((id) => downloads.byId.get(id))
        .filter((download) => download?.status === status);
      if (ended.length === 0) continue;
      const names = ended.slice(0, MOST_NAMED).map((download) => download?.name).join(", ");
      tell(ended.length > MOST_NAMED
        ? text.say(`page-told-many-${status}`, { count: ended.length })
        : text.say(`page-told-${status}`, { names }));
    }
  }

  #count() {
    const { downloads, view, text } = this.context;
    this.tabs.paint(downloads.counts, view.group, text);
    this.frame.paintEmpty(this.isKnown);
    this.#chosen();
  }

  #chosen() {
    const { selection, view, text } = this.context;
    const count = selection.ids.size;
    const all = count > 0 && count >= view.ids.length;
    this.many.paint();
    this.heads.paint(view.sorting, count === 0 ? "none" : all ? "all" : "some", text);
    byId("grid").classList.toggle("selecting", count > 0);
    this.list.touchAll();
  }

  /** @param {Group} group */
  #filter(group) {
    const { view } = this.context;
    // The queue has an order of its own, and that is what its tab is for.
    const sorting = group === "queued" && this.sorting === NEWEST_FIRST ? /** @type {Sorting} */ ({ key: "queue", direction: 1 }) : this.sorting;
    view.set({ group, sorting });
    this.#arranged();
  }

  /** @param {string} search */
  #search(search) {
    this.context.view.set({ search });
    this.#arranged();
  }

  /**
   * A column is pressed: its own direction, then the other, then as before.
   * @param {SortKey} key
   */
  #sortBy(key) {
    const { sorting } = this.context.view;
    const begins = BEGINS[key];
    if (sorting.key !== key) return this.#sort({ key, direction: begins });
    if (sorting.direction === begins) return this.#sort({ key, direction: begins === 1 ? -1 : 1 });
    this.#sort(NEWEST_FIRST);
  }

  /** @param {Sorting} sorting */
  #sort(sorting) {
    this.sorting = sorting;
    this.context.view.set({ sorting });
    this.#arranged();
  }

  #arranged() {
    const { selection, view } = this.context;
    byId("grid").classList.toggle("ordering", view.sorting.key === "queue");
    // Keys must not act on what has just been hidden.
    selection.within(view.keys);
    if (this.list.current !== null && !view.keys.has(this.list.current)) this.list.current = null;
    this.list.toTop();
    this.list.touchAll();
    this.#count();
  }

  /** @param {string | null} id */
  #show(id) {
    const before = this.list.shown;
    this.list.shown = id;
    this.list.touch([before, id].filter((one) => one !== null));
    if (id !== null) return this.details.open(id);
    if (this.list.current !== null && !this.context.view.keys.has(this.list.current)) this.#goOn();
  }

  async #speakOther() {
    const lang = this.context.text.lang === "en" ? "ru" : "en";
    try {
      this.context.text = await speak(lang);
    } catch {
      return toast(this.context.text.say("page-lost"));
    }
    keep("language", lang);
    this.#again();
  }

  /** Says everything in the language now. */
  #again() {
    const { text, view } = this.context;
    view.order = text.order;
    label(text);
    this.many.again();
    this.limits.again();
    this.add.again();
    this.frame.again();
    this.details.again();
    this.#count();
    this.list.touchAll();
  }

  #tick() {
    const { downloads, history } = this.context;
    const active = [...downloads.byId.values()].filter(({ status }) => groupOf(status) === "active");
    // What was last heard goes on for nobody knows how long.
    if (!document.body.classList.contains("offline")) history.sample(active, downloads.stats?.speed ?? 0);
    this.frame.tick(active);
    this.details.tick();
  }

  #listen() {
    const { live } = this.context;
    window.addEventListener("online", () => live.connect());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) live.connect();
    });
  }
}

draw();
closable();
const wished = kept("language") ?? document.documentElement.lang;
new Page(await speak(wished === "ru" ? "ru" : "en"));
