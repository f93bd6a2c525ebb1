// Opening and closing what lies over the page.

import { byId, dialogById } from "./dom.js";

/** Whether anything lies over the page. */
export function isOver() {
  return document.querySelector("dialog[open]") !== null;
}

/** Lets every dialog be closed by its buttons and by a click beside it. */
export function closable() {
  for (const dialog of document.querySelectorAll("dialog")) {
    // Only a click that begins beside it: one that ends there may have begun by choosing text. And not before
    // it has ended: what a finger has closed would be gone by then, and the click be for what lies below.
    /** @type {EventTarget | null} */
    let began = null;
    dialog.addEventListener("pointerdown", (event) => {
      began = event.target;
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog && began === dialog) dialog.close();
    });
    for (const button of dialog.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => dialog.close());
    }
  }
}

/**
 * Asks whether these shall be removed.
 * @param {{ title: string, says: string, yes: string, files: string | null }} words
 * @returns {Promise<{ files: boolean } | null>} null when they shall stay
 */
export function askToRemove(words) {
  const dialog = dialogById("remove");
  const files = /** @type {HTMLInputElement} */ (byId("remove-files"));
  byId("remove-title").textContent = words.title;
  byId("remove-says").textContent = words.says;
  byId("remove-yes").textContent = words.yes;
  byId("remove-files-says").textContent = words.files ?? "";
  byId("remove-files-row").hidden = words.files === null;
  files.checked = false;
  return new Promise((answer) => {
    const form = /** @type {HTMLFormElement} */ (dialog.firstElementChild);
    let isSaid = false;
    form.onsubmit = () => {
      isSaid = true;
    };
    dialog.onclose = () => {
      // The browser tells late of a closing: by then it may be open for the next question, and the one
      // before stays without an answer.
      if (!dialog.open) answer(isSaid ? { files: files.checked } : null);
    };
    dialog.showModal();
    // Enter by habit must not remove anything.
    /** @type {HTMLElement | null} */ (dialog.querySelector("[data-close]"))?.focus();
  });
}
