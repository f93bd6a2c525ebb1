// Why a download is no faster, does not move or has failed, and what has happened to it, in plain words.

import { el, mark, write } from "./dom.js";
import { advice, errorText, messageName, reason } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./text.js").Text} Text */
/** @typedef {import("./history.js").Event} Event */
/** @typedef {{ code: string, detail: string }} Cause */

/**
 * What a cause says in the language of the person, with figures of what the page knows; what it does not know is
 * said as the daemon says it.
 * @param {Cause} cause
 * @param {Download} download with detail
 * @param {Context} context
 */
export function causeText({ code, detail }, download, { text, settings, downloads: { stats } }) {
  const name = messageName("why", code);
  if (!text.has(name) || !settings || !stats) return detail;
  if (code === "waits" && download.waits?.code === "disk_space" && download.size !== null) {
    return text.say("why-disk-space", { size: text.size(download.size - download.done), free: text.size(stats.free_space) });
  }
  const blocks = download.blocks ?? [];
  const count = (/** @type {string} */ wanted) => blocks.filter(({ state }) => state === wanted).length;
  const speeds = blocks.filter(({ state }) => state === "streaming").map(({ speed }) => speed).sort((a, b) => a - b);
  return text.say(name, {
    reason: reason(download, text),
    active: stats.active, downloads: settings.max_downloads,
    own: text.speed(download.speed_limit), overall: text.speed(settings.speed_limit),
    retrying: count("retrying"), waiting: count("waiting"), connecting: count("connecting"), streaming: speeds.length,
    threads: blocks.length, attempts: download.attempts,
    open: stats.connections, connections: settings.max_connections, host: settings.max_connections_per_host,
    slowest: text.speed(speeds[0] ?? 0), fastest: text.speed(speeds.at(-1) ?? 0), speed: text.speed(download.speed),
    wasted: text.size(download.wasted),
  });
}

/** What holds a download back. Writes only what differs, so that a pointer may rest on it. */
export class Causes {
  constructor() {
    this.element = el("ul", { class: "causes" });
  }

  /**
   * @param {Cause[]} causes
   * @param {Download} download with detail
   * @param {Context} context
   */
  paint(causes, download, context) {
    const { element } = this;
    while (element.childElementCount < causes.length) element.append(el("li"));
    while (element.childElementCount > causes.length) element.lastElementChild?.remove();
    causes.forEach((cause, at) => {
      write(element.children[at], causeText(cause, download, context));
      mark(element.children[at], "title", cause.detail);
    });
  }
}

/**
 * What is wrong with a download that has failed: in plain words, what to do, and as the daemon says it.
 * @param {Download} download
 * @param {Text} text
 */
export function failureParts(download, text) {
  const error = download.error;
  if (!error) return [];
  const what = advice(error.code, text);
  const raw = [error.detail, error.url].filter(Boolean).join(" · ");
  return [
    el("p", { class: "standing bad" }, errorText(error.code, error.detail, error.status, text)),
    ...what ? [el("p", { class: "advice" }, what)] : [],
    el("p", { class: "raw" }, raw),
  ];
}

/**
 * The items of what has happened, the last first.
 * @param {Event[]} events
 * @param {Text} text
 */
export function eventItems(events, text) {
  return events.toReversed().map((event) => el("li", { title: event.said },
    el("time", { class: "number", datetime: new Date(event.at).toISOString() }, text.clock.format(event.at)),
    el("span", {}, event.error ? errorText(event.error.code, event.error.detail, event.error.status, text) : reason(event, text))));
}
