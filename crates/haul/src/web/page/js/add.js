// The dialog that adds downloads, and the ways into it: paste, drop, a text file.

import { add } from "./commands.js";
import { byId, dialogById, el, inputById } from "./dom.js";
import { isOver } from "./dialogs.js";
import { bytesOf, hasUrl, isUrl, wanted } from "./urls.js";
import { errorText } from "./words.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../types.d.ts").Rejected} Rejected */

/** Most bytes of a dropped file: more is no list of URLs. */
const MOST_BYTES = 16 << 20;
/** Refused ones that are listed by name under one reason. */
const MOST_NAMED = 10;
const TEXTS = ["dir", "name", "checksum", "on_conflict"];
const NUMBERS = ["threads", "priority"];
const SIZES = ["block_size", "speed_limit"];
const FLAGS = ["paused", "accept_html"];

/**
 * Those that can be sent, and what is wrong with the others: of a line with mirrors the daemon would blame the
 * first part, whichever it is.
 * @param {import("./urls.js").Wanted[]} lines
 * @returns {[import("./urls.js").Wanted[], Rejected[]]}
 */
function sorted(lines) {
  const good = [];
  const bad = [];
  for (const one of lines) {
    const wrong = one.mirrors.length > 0 ? [one.url, ...one.mirrors].filter((part) => !isUrl(part)) : [];
    if (wrong.length === 0) good.push(one);
    for (const url of wrong) bad.push({ url, code: "invalid_url", detail: "" });
  }
  return [good, bad];
}

/**
 * A header's name, empty when there is none, and its value.
 * @param {string} line
 */
function header(line) {
  const colon = line.indexOf(":");
  return [line.slice(0, Math.max(0, colon)).trim(), line.slice(colon + 1).trim()];
}

/** @param {string[]} texts */
function joined(texts) {
  return texts.map((text) => text.trim()).filter(Boolean).join("\n");
}

export class Add {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.dialog = dialogById("add");
    this.field = /** @type {HTMLTextAreaElement} */ (byId("add-urls"));
    this.submit = /** @type {HTMLButtonElement} */ (byId("add-submit"));
    this.form = /** @type {HTMLFormElement} */ (byId("add-form"));
    /** What came while the field was being sent. @type {string[]} */
    this.later = [];
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    // What is wrong in closed options could not be shown.
    this.form.addEventListener("invalid", () => byId("add-options").setAttribute("open", ""), true);
    this.field.addEventListener("input", () => this.#count());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.dialog.addEventListener("close", () => this.#forget(this.field.value));
    const file = inputById("add-file-field");
    byId("add-file").addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      for (const one of file.files ?? []) await this.#read(one);
      file.value = "";
    });
    this.#listen();
  }

  /**
   * Opens it with these lines behind those that are there already.
   * @param {string} [text]
   */
  open(text = "") {
    if (this.submit.dataset.busy) {
      this.later.push(text);
    } else {
      this.#refuse([]);
      this.field.value = joined([this.field.value, text]);
      this.#count();
    }
    if (!this.dialog.open) this.dialog.showModal();
    this.field.focus();
  }

  /** Says the number of URLs, in the language now. */
  again() {
    this.#count();
  }

  /**
   * Adds what is in a text at once; what is refused opens the dialog.
   * @param {string} text
   */
  async now(text) {
    if (this.submit.dataset.busy) return this.open(text);
    const draft = this.field.value;
    this.field.value = text;
    await this.#send();
    if (this.field.value && !this.dialog.open) this.dialog.showModal();
    this.field.value = joined([draft, this.field.value]);
    this.#count();
  }

  /**
   * Begins anew with these lines: the next ones get no option that was meant for others.
   * @param {string} lines
   */
  #forget(lines) {
    this.form.reset();
    this.field.value = lines;
  }

  #count() {
    const { text } = this.context;
    const count = wanted(this.field.value).length;
    byId("add-count").textContent = count > 1 ? text.say("page-add-count", { count }) : "";
    this.submit.textContent = count > 1 ? text.say("page-add-many", { count }) : text.say("page-add");
    this.submit.disabled = count === 0;
  }

  async #send() {
    const { text } = this.context;
    const lines = wanted(this.field.value);
    if (lines.length === 0 || this.submit.dataset.busy) return;
    const { options, wrong } = this.#options();
    if (wrong.length > 0) return this.#refuse(wrong);
    const [good, bad] = sorted(lines);
    const sent = new Set(good);
    this.submit.dataset.busy = "yes";
    this.submit.disabled = true;
    this.field.readOnly = true;
    try {
      const { added, rejected } = await add(good, options);
      const refused = new Set(rejected.map(({ url }) => url));
      // What was refused stays, to be corrected; what was taken must not be sent again.
      const kept = lines.filter((one) => refused.has(one.url) || !sent.has(one)).map(({ line }) => line);
      const left = joined([...kept, ...this.later.splice(0)]);
      if (added > 0) this.context.toast(text.say("page-added", { count: added }));
      rejected.push(...bad);
      this.#refuse(rejected);
      if (rejected.length > 0) this.field.value = left;
      else this.#forget(left);
      if (left === "") this.dialog.close();
      else if (!this.dialog.open) this.dialog.showModal();
    } finally {
      delete this.submit.dataset.busy;
      this.field.readOnly = false;
      this.#count();
    }
  }

  /** The options that were given, and those that cannot be read. */
  #options() {
    const { text } = this.context;
    /** @type {Rejected[]} */
    const wrong = [];
    /** @type {Record<string, unknown>} */
    const options = {};
    const value = (/** @type {string} */ name) => inputById(`add-${name}`).value.trim();
    for (const name of TEXTS) if (value(name)) options[name] = value(name);
    for (const name of NUMBERS) if (value(name)) options[name] = Number(value(name));
    for (const name of FLAGS) if (inputById(`add-${name}`).checked) options[name] = true;
    for (const name of SIZES) {
      if (!value(name)) continue;
      const bytes = bytesOf(value(name));
      if (bytes === null) wrong.push({ url: value(name), code: "", detail: text.say("page-not-a-size") });
      options[name] = bytes;
    }
    const headers = value("headers").split("\n").map((line) => line.trim()).filter(Boolean);
    if (headers.length > 0) options.headers = Object.fromEntries(headers.map(header));
    for (const line of headers) {
      if (!header(line)[0]) wrong.push({ url: line, code: "", detail: text.say("page-not-a-header") });
    }
    return { options, wrong };
  }

  /** @param {Rejected[]} rejected */
  #refuse(rejected) {
    const { text } = this.context;
    const list = byId("add-refused");
    list.hidden = rejected.length === 0;
    /** What is wrong with the same is said once. @type {Map<string, string[]>} */
    const byReason = new Map();
    for (const { url, code, detail } of rejected) {
      const said = code ? errorText(code, detail, undefined, text) : detail;
      const urls = byReason.get(said);
      if (urls) urls.push(url);
      else byReason.set(said, [url]);
    }
    list.replaceChildren(...[...byReason].map(([said, urls]) => el("li", {},
      ...urls.slice(0, MOST_NAMED).map((url) => el("b", {}, url)),
      ...urls.length > MOST_NAMED ? [el("p", {}, text.say("page-add-more", { count: urls.length - MOST_NAMED }))] : [],
      el("span", {}, said))));
    if (rejected.length > 0) list.scrollIntoView({ block: "nearest" });
  }

  /** @param {File} file */
  async #read(file) {
    if (file.size > MOST_BYTES) return this.context.toast(this.context.text.say("page-file-too-large"));
    this.open(await file.text());
  }

  #listen() {
    document.addEventListener("paste", (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (target.closest("input, textarea") || isOver()) return;
      const pasted = event.clipboardData?.getData("text/plain") ?? "";
      if (!hasUrl(pasted)) return;
      event.preventDefault();
      this.open(pasted);
    });
    const veil = byId("drop");
    document.addEventListener("dragover", (event) => {
      const kinds = event.dataTransfer?.types ?? [];
      if (this.#isElsewhere(event)) {
        veil.hidden = true;
        return;
      }
      if (!kinds.includes("Files") && !kinds.includes("text/uri-list")) return;
      event.preventDefault();
      veil.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) veil.hidden = true;
    });
    document.addEventListener("drop", async (event) => {
      veil.hidden = true;
      const dropped = event.dataTransfer;
      if (!dropped || this.#isElsewhere(event)) return;
      const links = dropped.getData("text/uri-list") || dropped.getData("text/plain");
      // Words that are dropped into the addresses are put where they are dropped.
      if (event.target === this.field && dropped.files.length === 0 && !hasUrl(links)) return;
      event.preventDefault();
      for (const file of dropped.files) await this.#read(file);
      if (dropped.files.length === 0 && hasUrl(links)) this.open(links);
    });
  }

  /**
   * Whether something is dragged over a field that takes it as any field does.
   * @param {DragEvent} event
   */
  #isElsewhere(event) {
    const field = event.target instanceof Element ? event.target.closest("input, textarea") : null;
    return field !== null && field !== this.field && !event.dataTransfer?.types.includes("Files");
  }
}
