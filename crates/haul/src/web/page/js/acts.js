// What a person has done with downloads: asks where something would be lost, gives the command, and says what
// did not work.

import { forEach, isThere, move, suits } from "./commands.js";
import { askToRemove } from "./dialogs.js";
import { el } from "./dom.js";
import { errorText } from "./words.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./commands.js").Command} Command */
/** @typedef {import("./commands.js").Direction} Direction */
/** @typedef {import("./commands.js").Outcome} Outcome */
/** @typedef {import("./live.js").CallError} CallError */
/** @typedef {import("../types.d.ts").Download} Download */

const DIRECTIONS = ["top", "up", "down", "bottom"];

/**
 * Does something with these.
 * @param {Context} context
 * @param {string} action
 * @param {string[]} ids
 */
export async function act(context, action, ids) {
  const { downloads, live, text } = context;
  const known = /** @type {Download[]} */ (ids.map((id) => downloads.byId.get(id)).filter(Boolean));
  if (known.length === 0) return;
  if (action === "save") return void known.forEach((download) => save(context, download));
  if (action === "copy") return copy(context, known.map(({ file_url }) => file_url ?? "").join("\n"));
  if (DIRECTIONS.includes(action)) {
    return inTurn(async () => {
      const queued = /** @type {Download[]} */ (ids.map((id) => downloads.byId.get(id)))
        .filter((download) => download?.status === "queued")
        .sort((a, b) => (a.position ?? 1e9) - (b.position ?? 1e9));
      const last = [...downloads.byId.values()].reduce((most, { position }) => Math.max(most, position ?? -1), -1);
      tell(context, await move(live, queued, /** @type {Direction} */ (action), last));
    });
  }
  const command = /** @type {Command} */ (action);
  const suited = known.filter(({ status }) => suits(command, status));
  if (suited.length === 0) return;
  const chosen = suited.map(({ id }) => id);
  if (command === "remove") return remove(context, suited);
  if (command === "cancel" && !await sure(context, "cancel", suited)) return;
  const outcome = await forEach(live, `downloads.${command}`, chosen);
  if (outcome.done > 1) context.toast(text.say(`page-done-${command}`, { count: outcome.done }));
  tell(context, outcome);
}

/**
 * Puts a queued download elsewhere in the queue.
 * @param {Context} context
 * @param {string} id
 * @param {number} position
 */
export async function put(context, id, position) {
  await inTurn(async () => tell(context, await forEach(context.live, "downloads.move", [id], { position })));
}

/** The move under way, and those behind it. */
let moves = Promise.resolve();

/**
 * One move after the other: each counts from where the one before has led.
 * @param {() => Promise<void>} work
 */
function inTurn(work) {
  moves = moves.then(work, work);
  return moves;
}

/**
 * @param {Context} context
 * @param {Download[]} downloads
 */
async function remove(context, downloads) {
  const { text } = context;
  const answer = await sure(context, "remove", downloads);
  if (!answer) return;
  const outcome = await forEach(context.live, "downloads.remove", downloads.map(({ id }) => id), answer);
  if (outcome.done > 0) context.toast(text.say("page-done-remove", { count: outcome.done }));
  tell(context, outcome);
}

/**
 * Names what would be lost, and asks.
 * @param {Context} context
 * @param {"cancel" | "remove"} what
 * @param {Download[]} downloads
 */
function sure(context, what, downloads) {
  const { text } = context;
  const count = downloads.length;
  const finished = downloads.filter(({ status }) => status === "completed").length;
  const begun = downloads.filter(({ status, done }) => status !== "completed" && done > 0);
  const lost = begun.reduce((sum, { done }) => sum + done, 0);
  const says = [
    lost > 0 ? text.say("page-lose-begun", { count: begun.length, size: text.size(lost) }) : "",
    what === "remove" && finished > 0 ? text.say("page-files-stay", { count: finished }) : "",
    what === "cancel" ? text.say("page-cancel-says") : "",
    what === "remove" && lost === 0 && finished === 0 ? text.say("page-lose-nothing") : "",
  ];
  return askToRemove({
    title: count === 1 ? text.say(`page-${what}-one`, { name: downloads[0].name }) : text.say(`page-${what}-many`, { count }),
    says: says.filter(Boolean).join(" "),
    yes: what === "cancel" ? text.say("page-cancel-yes", { count }) : text.say("page-remove"),
    files: what === "remove" && finished > 0 ? text.say("page-files-too", { count: finished }) : null,
  });
}

/**
 * Says what did not work.
 * @param {Context} context
 * @param {Outcome} outcome
 */
function tell(context, outcome) {
  const { text, downloads } = context;
  const [first] = outcome.failed;
  if (!first) return;
  const why = errorText(first.error.code, first.error.message, undefined, text);
  const name = downloads.byId.get(first.id)?.name ?? first.id;
  context.toast(outcome.failed.length === 1
    ? text.say("page-failed-one", { name, why })
    : text.say("page-failed-many", { count: outcome.failed.length, why }));
}

/**
 * Saves a finished file through the browser, or says why it cannot be had.
 * @param {Context} context
 * @param {Download} download
 */
async function save(context, download) {
  const href = `/api/v1/downloads/${download.id}/content`;
  try {
    await isThere(href);
  } catch (error) {
    return tell(context, { done: 0, failed: [{ id: download.id, error: /** @type {CallError} */ (error) }] });
  }
  const link = el("a", { href, download: download.name });
  document.body.append(link);
  link.click();
  link.remove();
}

/**
 * Copies a text, and says so.
 * @param {Context} context
 * @param {string} value
 */
export async function copy(context, value) {
  const { text } = context;
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    // Without TLS beyond this machine there is no clipboard; the old way still works.
    const field = el("textarea");
    field.value = value;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  context.toast(text.say("page-copied"));
}
