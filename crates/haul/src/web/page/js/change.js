// The form that changes a download: its limits, its name, a new URL in place of one that has expired.

import { el } from "./dom.js";
import { bytesOf, sizeOf } from "./urls.js";
import { errorText } from "./words.js";

/** @typedef {import("../types.d.ts").Download} Download */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./live.js").CallError} CallError */

const FIELDS = /** @type {const} */ (["speed_limit", "threads", "priority", "name", "url"]);

/**
 * @param {Context} context
 * @param {Download} download
 */
export function changeForm(context, download) {
  const { text } = context;
  const before = {
    speed_limit: download.speed_limit ? sizeOf(download.speed_limit) : "",
    threads: String(download.threads.limit),
    priority: String(download.priority),
    name: download.name,
    url: "",
  };
  const fields = FIELDS.map((name) => {
    const kind = name === "threads" || name === "priority" ? "number" : "text";
    const input = el("input", { type: kind, autocomplete: "off", name });
    input.value = before[name];
    if (name === "speed_limit") input.placeholder = text.say("page-limit-none");
    if (name === "url") input.placeholder = "https://";
    const wide = name === "name" || name === "url" ? "all" : "";
    return el("label", { class: wide }, el("span", {}, text.say(`page-change-${name.replace("_", "-")}`)), input);
  });
  const wrong = el("p", { class: "wrong", role: "alert" });
  wrong.hidden = true;
  const form = el("form", { class: "change" }, el("div", { class: "fields" }, ...fields), wrong,
    el("button", { type: "submit" }, text.say("page-apply")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = wanted(new FormData(form), before);
    wrong.hidden = true;
    if (asked === null) return refuse(wrong, text.say("page-not-a-size"));
    if (Object.keys(asked).length === 0) return;
    try {
      await context.live.call("downloads.update", { id: download.id, ...asked });
      Object.assign(before, Object.fromEntries(new FormData(form)));
      context.toast(text.say("page-changed"));
    } catch (error) {
      const { code, message } = /** @type {CallError} */ (error);
      refuse(wrong, errorText(code, message, undefined, text));
    }
  });
  return form;
}

/**
 * What differs from before; null when a speed is not readable.
 * @param {FormData} form
 * @param {Record<string, string>} before
 */
function wanted(form, before) {
  /** @type {Record<string, string | number>} */
  const asked = {};
  for (const name of FIELDS) {
    const value = String(form.get(name)).trim();
    if (value === before[name] || (value === "" && name !== "speed_limit")) continue;
    if (name !== "speed_limit") {
      asked[name] = name === "threads" || name === "priority" ? Number(value) : value;
      continue;
    }
    const bytes = value === "" ? 0 : bytesOf(value);
    if (bytes === null) return null;
    asked[name] = bytes;
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
