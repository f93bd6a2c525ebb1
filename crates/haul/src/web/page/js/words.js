// What is said of a download: where it stands, why it waits, why it failed and what to do. Knows no DOM.

import { groupOf } from "./state.js";
import { hostOf } from "./urls.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./text.js").Text} Text */

/** Statuses that say more than how many percent are there. */
const SAID = new Set(["queued", "probing", "verifying", "delivering", "completed", "failed", "cancelled"]);

/**
 * The figure or word that stands over the bar.
 * @param {Download} download
 * @param {Text} text
 */
export function share(download, text) {
  if (SAID.has(download.status) || (download.status === "paused" && download.done === 0)) return text.say(`status-${download.status}`);
  return download.progress === null ? text.size(download.done) : text.percent(download.progress);
}

/**
 * The second line: what is wrong if anything is, else where it comes from and where it goes.
 * @param {Download} download
 * @param {Text} text
 */
export function about(download, text) {
  if (download.status === "failed") return failure(download, text);
  const place = [hostOf(download.url), folder(download)].filter(Boolean).join(" · ");
  const why = standing(download, text);
  return why ? `${why} · ${place}` : place;
}

/**
 * Why it waits or rests, if it does.
 * @param {Download} download
 * @param {Text} text
 */
function standing(download, text) {
  if (download.reason) return reason(download, text);
  // As long as nothing is here, that stands over the bar.
  if (download.status === "paused" && download.done > 0) return text.say("status-paused");
  if (download.status === "queued" && download.position !== null) {
    return text.say("page-in-queue", { place: download.position + 1 });
  }
  return "";
}

/**
 * Why it waits: by the name of the cause, with its figures; what has no name, as the daemon says it.
 * @param {import("../types.d.ts").Waiting} waiting
 * @param {Text} text
 */
export function reason({ reason, waits }, text) {
  if (!waits) return reason ?? "";
  const { code, status, seconds = 0, active = 0, most = 0 } = waits;
  const time = text.duration(seconds);
  const name = messageName("reason", code);
  if (text.has(name)) return withStatus(text.say(name, { time, active, most }), status);
  if (!text.has(messageName("error", code))) return reason ?? "";
  return text.say("reason-try", { what: errorText(code, "", status, text), time });
}

/**
 * Why it failed, in plain words.
 * @param {Download} download
 * @param {Text} text
 */
export function failure(download, text) {
  const error = download.error;
  if (!error) return text.say("status-failed");
  return errorText(error.code, error.detail, error.status, text);
}

/**
 * @param {string} code
 * @param {string} detail the daemon's sentence: for codes that are not known here, and for options, of which only
 *   it says which
 * @param {number | undefined} status
 * @param {Text} text
 */
export function errorText(code, detail, status, text) {
  const name = messageName("error", code);
  if (!text.has(name)) return detail;
  return withStatus(text.say(name, { detail }), status);
}

/**
 * @param {string} said
 * @param {number | undefined} status
 */
function withStatus(said, status) {
  return status ? `${said} (${status})` : said;
}

/**
 * The name of the message for one of the daemon's codes.
 * @param {"reason" | "error" | "advice" | "why"} kind
 * @param {string} code
 */
export function messageName(kind, code) {
  return `${kind}-${code.replaceAll("_", "-")}`;
}

/**
 * What a person can do about an error, if anything is known.
 * @param {string} code
 * @param {Text} text
 */
export function advice(code, text) {
  const name = messageName("advice", code);
  return text.has(name) ? text.say(name) : "";
}

/**
 * The name of the directory that it goes to.
 * @param {Download} download
 */
function folder(download) {
  const parts = (download.path ?? "").split("/");
  return parts.length > 2 ? parts[parts.length - 2] : "";
}

/**
 * How much is there of how much.
 * @param {Download} download
 * @param {Text} text
 */
export function amount(download, text) {
  if (groupOf(download.status) === "completed" || download.done === 0) {
    return download.size === null ? "" : text.size(download.size);
  }
  if (download.size === null) return text.size(download.done);
  return text.amount(download.done, download.size);
}
