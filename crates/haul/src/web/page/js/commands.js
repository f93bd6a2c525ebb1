// What a person can have done with downloads, one or many. Knows which command suits which status; shows
// nothing.

import { CallError } from "./live.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("../types.d.ts").Status} Status */
/** @typedef {import("../types.d.ts").Rejected} Rejected */
/** @typedef {import("./live.js").Live} Live */
/** @typedef {"pause" | "resume" | "retry" | "cancel" | "remove"} Command */
/** @typedef {"top" | "up" | "down" | "bottom"} Direction */

/** Calls under way at a time. */
const AT_ONCE = 32;
/** Most bytes of one request to add; the daemon reads 4 MiB. */
const MOST_BYTES = 3 << 20;

/** @type {Record<Command, Status[]>} */
const SUITS = {
  pause: ["queued", "probing", "downloading"],
  resume: ["paused"],
  retry: ["failed", "cancelled"],
  cancel: ["queued", "probing", "downloading", "paused", "failed"],
  remove: [
    "queued", "probing", "downloading", "paused", "verifying", "delivering", "completed", "failed", "cancelled",
  ],
};

/**
 * Whether a command does anything to a download that stands like this.
 * @param {Command} command
 * @param {Status} status
 */
export function suits(command, status) {
  return SUITS[command].includes(status);
}

/**
 * The command that a person most likely wants, if there is one.
 * @param {Status} status
 * @returns {Command | null}
 */
export function mainCommand(status) {
  const found = /** @type {Command[]} */ (["pause", "resume", "retry"]).find((command) => suits(command, status));
  return found ?? null;
}

/**
 * What became of a command given to several.
 * @typedef {{ done: number, failed: { id: string, error: CallError }[] }} Outcome
 */

/**
 * Calls a method for each of these, some at a time, in order.
 * @param {Live} live
 * @param {string} method
 * @param {string[]} ids
 * @param {object} [more] parameters besides the id
 * @param {number} [atOnce]
 * @returns {Promise<Outcome>}
 */
export async function forEach(live, method, ids, more = {}, atOnce = AT_ONCE) {
  /** @type {Outcome} */
  const outcome = { done: 0, failed: [] };
  let next = 0;
  const work = async () => {
    while (next < ids.length) {
      const id = ids[next++];
      try {
        await live.call(method, { id, ...more });
        outcome.done++;
      } catch (error) {
        outcome.failed.push({ id, error: /** @type {CallError} */ (error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return outcome;
}

/**
 * Moves queued downloads, which are given in the order of the queue, without changing their order among
 * themselves.
 * @param {Live} live
 * @param {Download[]} downloads
 * @param {Direction} direction
 * @param {number} last the last place in the queue that is known
 * @returns {Promise<Outcome>}
 */
export async function move(live, downloads, direction, last) {
  const isStep = direction === "up" || direction === "down";
  const backwards = direction === "top" || direction === "down";
  const order = backwards ? [...downloads].reverse() : downloads;
  /** @type {Outcome} */
  const total = { done: 0, failed: [] };
  /** The place of the one that was moved last: at the edge of the queue the next one stays behind it. */
  let before = direction === "up" ? -1 : Infinity;
  for (const download of order) {
    const at = download.position;
    if (isStep && at === null) {
      total.failed.push({ id: download.id, error: new CallError("no_place", "its place in the queue is not known") });
      continue;
    }
    const position = {
      top: 0, bottom: 1e9, up: Math.max(Number(at) - 1, before + 1), down: Math.min(Number(at) + 1, before - 1),
    }[direction];
    before = Math.min(position, last);
    if (isStep && position === at) continue;
    const one = await forEach(live, "downloads.move", [download.id], { position }, 1);
    // The next step comes before this is told.
    if (one.done > 0 && isStep) download.position = before;
    total.done += one.done;
    total.failed.push(...one.failed);
  }
  return total;
}

/**
 * Fails with the daemon's own error when something cannot be had.
 * @param {string} href
 */
export async function isThere(href) {
  const { ok, status } = await fetch(href, { method: "HEAD" }).catch(() => ({ ok: false, status: 0 }));
  if (ok) return;
  // Only the answer to this has words.
  const said = status === 0 ? null : await fetch(href).then((answer) => answer.json()).catch(() => null);
  if (status === 0) throw new CallError("no_connection", "there is no connection to haul");
  throw new CallError(said?.code ?? "http_status", said?.detail ?? `the server answered ${status}`);
}

/**
 * Adds downloads over REST, where a request that is sent again after a loss adds nothing twice. What was not
 * added is rejected, for whatever reason, so that nothing is sent again that was.
 * @param {{ url: string, mirrors: string[] }[]} wanted
 * @param {object} options
 * @returns {Promise<{ added: number, rejected: Rejected[] }>}
 */
export async function add(wanted, options) {
  /** @type {Rejected[]} */
  const rejected = [];
  let added = 0;
  for (const body of requests(wanted, options)) {
    try {
      const answer = await post(JSON.stringify(body), crypto.getRandomValues(new Uint32Array(4)).join("-"));
      added += answer.downloads?.length ?? 0;
      for (const one of answer.rejected ?? []) rejected.push(one);
    } catch (error) {
      const { code, message } = /** @type {CallError} */ (error);
      for (const url of body.urls ?? [body.url]) rejected.push({ url, code, detail: message });
    }
  }
  return { added, rejected };
}

/**
 * The bodies of the requests: those with mirrors one by one, the others together as far as they fit.
 * @param {{ url: string, mirrors: string[] }[]} wanted
 * @param {object} options
 * @returns {Generator<{ urls: string[], url?: undefined } | { urls?: undefined, url: string, mirrors: string[] }>}
 */
export function* requests(wanted, options) {
  /** @type {string[]} */
  let urls = [];
  let bytes = 0;
  for (const { url, mirrors } of wanted) {
    if (mirrors.length > 0) {
      yield { url, mirrors, ...options };
      continue;
    }
    // What JSON and UTF-8 can make of a character at most.
    const weight = url.length * 6 + 3;
    if (urls.length > 0 && bytes + weight > MOST_BYTES) {
      yield { urls, ...options };
      urls = [];
      bytes = 0;
    }
    urls.push(url);
    bytes += weight;
  }
  if (urls.length > 0) yield { urls, ...options };
}

/**
 * @param {string} body
 * @param {string} key
 */
async function post(body, key) {
  const request = () => fetch("/api/v1/downloads", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body,
  });
  let response;
  try {
    response = await request().catch(request);
  } catch {
    throw new CallError("no_connection", "there is no connection to haul");
  }
  // A proxy before the daemon says in HTML that it does not reach it.
  const answer = await response.json().catch(() => null);
  // A single URL with mirrors is refused by the name of what is wrong with it.
  if (answer === null || (!response.ok && !answer.rejected?.length)) {
    throw new CallError(answer?.code ?? "http_status", answer?.detail ?? `the server answered ${response.status}`);
  }
  return answer;
}
