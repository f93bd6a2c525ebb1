// Sentences that are shown for a moment, and those that are only read out.

import { byId, el } from "./dom.js";

const SHOWN = 5_000;
const MOST = 3;

/**
 * Shows a sentence; screen readers read it out.
 * @param {string} text
 */
export function toast(text) {
  const toasts = byId("toasts");
  const shown = el("div", { class: "toast" }, text);
  toasts.append(shown);
  while (toasts.childElementCount > MOST) toasts.firstElementChild?.remove();
  setTimeout(() => shown.remove(), SHOWN);
}

/**
 * Has a sentence read out, for what eyes see in the list anyway.
 * @param {string} text
 */
export function tell(text) {
  byId("said").textContent = text;
}
