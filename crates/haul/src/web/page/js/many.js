// The bar of actions for everything that is chosen.

import { suits } from "./commands.js";
import { byId, el, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../types.d.ts").Download} Download */

/** Their order, with gaps between the groups; those with a word are the ones that are used most. */
const ACTIONS = /** @type {const} */ (["resume", "pause", "retry", "cancel", null, "top", "up", "down", "bottom", null, "remove"]);
const WORDLESS = ["top", "up", "down", "bottom"];

export class Many {
  /**
   * @param {Context} context
   * @param {(action: string) => void} act
   */
  constructor(context, act) {
    this.context = context;
    this.bar = byId("many");
    this.tools = byId("tools");
    /** @type {Map<string, HTMLButtonElement>} */
    this.buttons = new Map();
    byId("many-clear").addEventListener("click", () => context.selection.clear());
    for (const action of ACTIONS) {
      if (action === null) {
        byId("many-actions").append(el("span", { class: "gap" }));
        continue;
      }
      const button = el("button", { type: "button" });
      if (action === "remove") button.className = "danger";
      button.addEventListener("click", () => act(action));
      this.buttons.set(action, button);
      byId("many-actions").append(button);
    }
  }

  /** Says everything in the language now. */
  again() {
    const { text } = this.context;
    for (const [action, button] of this.buttons) {
      const said = text.say(`page-${action}`);
      const isWordless = WORDLESS.includes(action);
      button.replaceChildren(icon(action), ...isWordless ? [] : [said]);
      button.classList.toggle("square", isWordless);
      if (isWordless) {
        button.title = said;
        button.ariaLabel = said;
      }
    }
    this.paint();
  }

  paint() {
    const { selection, downloads, text } = this.context;
    const count = selection.ids.size;
    const chosen = /** @type {Download[]} */ ([...selection.ids].map((id) => downloads.byId.get(id)).filter(Boolean));
    const hadFocus = this.bar.contains(document.activeElement);
    this.bar.hidden = count === 0;
    this.tools.classList.toggle("covered", count > 0);
    document.body.classList.toggle("selecting", count > 0);
    if (count === 0) {
      if (hadFocus) byId("grid").focus({ preventScroll: true });
      return;
    }
    write(byId("many-count"), text.say("page-selected", { count }));
    for (const [action, button] of this.buttons) {
      button.disabled = WORDLESS.includes(action)
        ? !chosen.some(({ status }) => status === "queued")
        : !chosen.some(({ status }) => suits(/** @type {import("./commands.js").Command} */ (action), status));
    }
    // A button that no longer does anything loses the focus to nobody.
    if (hadFocus && document.activeElement?.matches(":disabled, body")) byId("grid").focus({ preventScroll: true });
  }
}
