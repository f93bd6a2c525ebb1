// What is known of a download beyond its progress: what the probe learned, where it lies, when it began.

import { el } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./text.js").Text} Text */

/** Those that are worth a button to copy them. */
const COPIED = new Set(["url", "file", "path", "checksum"]);

/**
 * Names of messages with their values; what is not known is left out.
 * @param {Download} download
 * @param {Text} text
 * @returns {[string, string][]}
 */
export function facts(download, text) {
  const { checksum } = download;
  const sum = checksum.actual ?? checksum.expected;
  const verified = checksum.verified === null ? "" : ` · ${text.say(checksum.verified ? "page-verified" : "page-not-verified")}`;
  /** @type {[string, string | null | undefined][]} */
  const all = [
    ["file", download.file_url],
    ["path", download.file_url ? null : download.path],
    ["url", download.url],
    ["final-url", download.final_url === download.url ? null : download.final_url],
    ["mirrors", download.mirrors.join("\n")],
    ["size", download.size === null ? null : text.say("page-bytes", { size: text.size(download.size), bytes: download.size })],
    ["ranges", download.ranges === null ? null : text.say(download.ranges ? "page-yes" : "page-no-ranges")],
    ["type", download.content_type],
    ["etag", download.etag],
    ["last-modified", download.last_modified && text.when(download.last_modified)],
    ["checksum", sum && `${checksum.algorithm} ${sum}${verified}`],
    ["threads", text.number(download.threads.limit)],
    ["block-size", text.size(download.block_size)],
    ["speed-limit", download.speed_limit ? text.speed(download.speed_limit) : null],
    ["priority", download.priority ? String(download.priority) : null],
    ["added", text.when(download.added_at)],
    ["started", download.started_at && text.when(download.started_at)],
    ["finished", download.finished_at && text.when(download.finished_at)],
    ["attempts", download.attempts ? text.number(download.attempts) : null],
    ["wasted", download.wasted ? text.size(download.wasted) : null],
    ["id", download.id],
  ];
  return /** @type {[string, string][]} */ (all.filter(([, value]) => value));
}

/** The list of them. */
export class Facts {
  /** @param {(value: string) => void} copy */
  constructor(copy) {
    this.copy = copy;
    this.element = el("dl", { class: "facts" });
    this.drawn = "";
  }

  /**
   * @param {Download} download
   * @param {Text} text
   */
  paint(download, text) {
    const found = facts(download, text);
    const drawn = JSON.stringify(found);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.element.replaceChildren(...found.flatMap(([name, value]) => this.#line(name, value, text)));
  }

  /**
   * @param {string} name
   * @param {string} value
   * @param {Text} text
   */
  #line(name, value, text) {
    const term = el("dt", {}, text.say(`page-fact-${name}`));
    if (!COPIED.has(name)) return [term, el("dd", { class: "number-like" }, value)];
    const label = text.say("page-copy-what", { what: text.say(`page-fact-${name}`) });
    const button = el("button", { type: "button", class: "plain square", "aria-label": label, title: label }, icon("copy"));
    button.addEventListener("click", () => this.copy(value));
    return [term, el("dd", { class: "with" }, el("span", {}, value), button)];
  }
}
