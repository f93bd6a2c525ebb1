// Why a download is no faster, does not move or has failed, and what has happened to it, in plain words.

import { el } from "./dom.js";
import { advice, errorText, reason } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./text.js").Text} Text */
/** @typedef {import("./history.js").Event} Event */
/** @typedef {{ code: string, detail: string }} Cause */

/**
 * The items of a list of causes. The daemon speaks English; other languages say the same by the code.
 * @param {Cause[]} causes
 * @param {Text} text
 */
export function causeItems(causes, text) {
  return causes.map(({ code, detail }) => el("li", {}, said(code, detail, text)));
}

/**
 * @param {string} code
 * @param {string} detail
 * @param {Text} text
 */
function said(code, detail, text) {
  if (code === "waits") return reason(detail, text);
  const name = `why-${code.replaceAll("_", "-")}`;
  if (text.lang === "en" || !text.has(name)) return detail.charAt(0).toUpperCase() + detail.slice(1);
  return text.say(name);
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
  return events.toReversed().map(({ at, code, said: detail, status }) => el("li", {},
    el("time", { class: "number", datetime: new Date(at).toISOString() }, text.clock.format(at)),
    el("span", {}, code ? errorText(code, detail, status, text) : reason(detail, text))));
}
