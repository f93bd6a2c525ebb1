// The keyboard: which key means what. Knows no download.

import { isOver } from "./dialogs.js";
import { keep, kept } from "./theme.js";

/** What keys can ask for, in the order in which the help lists them. */
/** @type {[string, string[]][]} */
const KEYS = [
  ["add", ["a", "n"]],
  ["search", ["/"]],
  ["move", ["↑", "↓", "j", "k"]],
  ["select", ["Space"]],
  ["select-all", ["Ctrl A"]],
  ["details", ["Enter"]],
  ["pause", ["p"]],
  ["remove", ["Delete"]],
  ["order", ["Alt ↑", "Alt ↓"]],
  ["close", ["Esc"]],
  ["help", ["?"]],
];

/** @typedef {"add" | "search" | "up" | "down" | "page-up" | "page-down" | "first" | "last" | "select" | "reach-up" | "reach-down" | "select-all" | "details" | "pause" | "remove" | "order-up" | "order-down" | "order-top" | "order-bottom" | "close" | "help"} Wish */

/** @type {Record<string, Wish>} */
const PLAIN = {
  a: "add", n: "add", "/": "search", "?": "help", p: "pause", j: "down", k: "up",
  ф: "add", т: "add", з: "pause", о: "down", л: "up",
  ArrowDown: "down", ArrowUp: "up", PageDown: "page-down", PageUp: "page-up", Home: "first", End: "last",
  " ": "select", Enter: "details", Delete: "remove", Backspace: "remove", Escape: "close",
};
/** @type {Record<string, Wish>} */
const WITH_ALT = { ArrowUp: "order-up", ArrowDown: "order-down", Home: "order-top", End: "order-bottom" };
/** @type {Record<string, Wish>} */
const WITH_SHIFT = { ArrowUp: "reach-up", ArrowDown: "reach-down", "?": "help" };

/** Whether single characters are keys, `on` or `off`: who speaks to the machine writes them by accident. */
let characters = kept("characters") ?? "on";

/** Whether single characters are keys (WCAG 2.1.4 wants that they can be switched off). */
export function hasCharacters() {
  return characters === "on";
}

/** Switches them off, or on again, for the next visits, too. */
export function switchCharacters() {
  characters = hasCharacters() ? "off" : "on";
  keep("characters", characters);
}

/** @param {string} key */
function isCharacter(key) {
  return key.length === 1 && key !== " ";
}

/**
 * What the keys that are on ask for, with these.
 * @returns {[string, string[]][]}
 */
export function keysNow() {
  const isOn = (/** @type {string} */ key) => hasCharacters() || !(isCharacter(key) && key in PLAIN);
  return KEYS.map(([wish, keys]) => /** @type {[string, string[]]} */ ([wish, keys.filter(isOn)]))
    .filter(([, keys]) => keys.length > 0);
}

/**
 * What a key asks for, or null when it belongs to what has the focus.
 * @param {KeyboardEvent} event
 * @returns {Wish | null}
 */
export function wishOf(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (isOver() || event.isComposing) return null;
  if (target.closest("input, textarea, select")) {
    return event.key === "Escape" ? "close" : null;
  }
  if (event.ctrlKey || event.metaKey) return event.key.toLowerCase() === "a" || event.key === "ф" ? "select-all" : null;
  if (event.altKey) return WITH_ALT[event.key] ?? null;
  if (isCharacter(event.key) && !hasCharacters()) return null;
  if (event.shiftKey && WITH_SHIFT[event.key]) return WITH_SHIFT[event.key];
  // Enter and space press the button that has the focus.
  if ((event.key === "Enter" || event.key === " ") && target.closest("button, a, summary, label")) return null;
  return PLAIN[event.key] ?? null;
}
