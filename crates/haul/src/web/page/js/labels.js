// Puts words and icons into what stands in index.html. Knows no message by name.

import { icon } from "./icons.js";

/** @typedef {import("./text.js").Text} Text */

/**
 * Says everything that stands in the page in this language.
 * @param {Text} text
 */
export function label(text) {
  document.documentElement.lang = text.lang;
  for (const element of all("[data-text]")) element.textContent = text.say(element.dataset.text ?? "");
  for (const element of all("[data-placeholder]")) {
    element.setAttribute("placeholder", text.say(element.dataset.placeholder ?? ""));
  }
  for (const element of all("[data-label]")) {
    const said = text.say(element.dataset.label ?? "");
    element.setAttribute("aria-label", said);
    if (element instanceof HTMLButtonElement) element.title = said;
  }
}

/** Draws the icons; once is enough. */
export function draw() {
  for (const element of all("[data-icon]")) element.append(icon(element.dataset.icon ?? ""));
}

/** @param {string} selector */
function all(selector) {
  return /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector));
}
