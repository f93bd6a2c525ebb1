// The form that changes a download: its limits, its name, a new URL in place of one that has expired.

import { el } from "./dom.js";
import { bytesOf, sizeOf } from "./urls.js";
import { errorText } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./live.js").CallError} CallError */

const FIELDS = /** @type {const} */ (["speed_limit", "threads", "priority", "name", "url"]);

/** @typedef {typeof FIELDS[number]} Field */

/**
 * The form, and what puts into its fields what others have changed, except where something is written already.
 * @param {Context} context
 * @param {Download} download as it is now, at any time
 */
export function changeForm(context, download) {
  const { text } = context;
  const inputs = /** @type {Record<Field, HTMLInputElement>} */ ({});
  let shown = values(download);
  const fields = FIELDS.map((name) => {
    const kind = name === "threads" || name === "priority" ? "number" : "text";
    const input = inputs[name] = el("input", { type: kind, autocomplete: "off", name });
    input.value = shown[name];
    if (name === "speed_limit") input.placeholder = text.say("page-limit-none");
    if (name === "url") input.placeholder = "https://";
    const wide = name === "name" || name === "url" ? "all" : "";
    return el("label", { class: wide }, el("span", {}, text.say(`page-change-${name.replace("_", "-")}`)), input);
  });
  const wrong = el("p", { class: "wrong", role: "alert" });
  wrong.hidden = true;
  const form = el("form", { class: "change" }, el("div", { class: "fields" }, ...fields), wrong,
    el("button", { type: "submit" }, text.say("page-apply")));
  const paint = () => {
    const now = values(download);
    for (const name of FIELDS) {
      if (now[name] !== shown[name] && inputs[name].value === shown[name]) inputs[name].value = now[name];
    }
    shown = now;
  };
  const begin = () => {
    shown = values(download);
    for (const name of FIELDS) inputs[name].value = shown[name];
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.hidden = true;
    const given = new FormData(form);
    if (!String(given.get("name")).trim()) return refuse(wrong, text.say("page-no-name"));
    const asked = wanted(given, download);
    if (asked === null) return refuse(wrong, text.say("page-not-a-size"));
    if (Object.keys(asked).length === 0) {
      begin();
      return context.toast(text.say("page-unchanged"));
    }
    try {
      Object.assign(download, await context.live.call("downloads.update", { id: download.id, ...asked }));
      begin();
      context.toast(text.say("page-changed"));
    } catch (error) {
      const { code, message } = /** @type {CallError} */ (error);
      refuse(wrong, errorText(code, message, undefined, text));
    }
  });
  return { element: form, paint };
}

/**
 * What stands in the fields as long as nothing else is written there.
 * @param {Download} download
 * @returns {Record<Field, string>}
 */
function values(download) {
  return {
    speed_limit: download.speed_limit ? sizeOf(download.speed_limit) : "",
    threads: String(download.threads.limit),
    priority: String(download.priority),
    name: download.name,
    url: "",
  };
}

/**
 * What differs from what the download has; null when a speed is not readable. An empty field, except that of
 * the speed, asks for nothing.
 * @param {FormData} form
 * @param {Download} download
 */
export function wanted(form, download) {
  const { speed_limit, threads, priority, name, url } = download;
  /** @type {Record<string, string | number>} */
  const has = { speed_limit, threads: threads.limit, priority, name, url };
  /** @type {Record<string, string | number>} */
  const asked = {};
  for (const field of FIELDS) {
    const written = String(form.get(field)).trim();
    if (field === "speed_limit") {
      const bytes = written === "" ? 0 : bytesOf(written);
      if (bytes === null) return null;
      asked[field] = bytes;
    } else if (written !== "") {
      asked[field] = field === "threads" || field === "priority" ? Number(written) : written;
    }
    if (asked[field] === has[field]) delete asked[field];
  }
  return asked;
}

/**
 * @param {HTMLElement} wrong
 * @param {string} said
 */
function refuse(wrong, said) {
  wrong.textContent = said;
  wrong.hidden = false;
}
