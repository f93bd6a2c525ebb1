// The limits over all downloads: how fast, how many at once. They are the daemon's; the page asks for them.

import { byId, dialogById, el, inputById, write } from "./dom.js";
import { bytesOf, sizeOf } from "./urls.js";
import { errorText } from "./words.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./live.js").CallError} CallError */
/** @typedef {import("../types.d.ts").Settings} Settings */

const COUNTS = /** @type {const} */ (["max_downloads", "threads", "max_connections", "max_connections_per_host"]);
const PRESETS = [0, 1 << 20, 5 << 20, 20 << 20, 50 << 20];

export class Limits {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.dialog = dialogById("limits");
    this.speed = inputById("limit-speed_limit");
    byId("limits-open").addEventListener("click", () => this.open());
    byId("limits-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** Learns what holds now: others may have changed it. */
  async learn() {
    try {
      const settings = await this.context.live.call("settings.get");
      // What a person is changing is compared with what it was when they began.
      if (this.dialog.open) return;
      this.context.settings = settings;
    } catch {
      return;
    }
    this.#paint();
  }

  #paint() {
    const { text } = this.context;
    const limit = this.context.settings?.speed_limit ?? 0;
    write(byId("limits-now"), limit ? text.say("page-limited", { speed: text.speed(limit) }) : text.say("page-unlimited"));
  }

  /** Says it in the language now. */
  again() {
    const { text } = this.context;
    this.#paint();
    byId("limit-presets").replaceChildren(...PRESETS.map((preset) => {
      const said = preset ? `${text.number(preset / 2 ** 20)} ${text.say("unit-mib")}${text.say("unit-per-second")}` : text.say("page-limit-none");
      const button = el("button", { type: "button" }, said);
      button.addEventListener("click", () => {
        this.speed.value = preset ? sizeOf(preset) : "";
      });
      return button;
    }));
  }

  async open() {
    await this.learn();
    const { settings } = this.context;
    if (!settings) return;
    byId("limits-wrong").hidden = true;
    this.speed.value = settings.speed_limit ? sizeOf(settings.speed_limit) : "";
    for (const name of COUNTS) inputById(`limit-${name}`).value = String(settings[name]);
    this.dialog.showModal();
    this.speed.select();
  }

  async #send() {
    const { text, live } = this.context;
    const wrong = byId("limits-wrong");
    const given = this.speed.value.trim();
    const speed = given === "" ? 0 : bytesOf(given);
    /** @type {Record<string, number | null>} */
    const wish = { speed_limit: speed };
    for (const name of COUNTS) {
      const count = inputById(`limit-${name}`).value;
      // There is no count of nothing: an empty field changes nothing.
      if (count !== "") wish[name] = Number(count);
    }
    try {
      if (speed === null) throw { code: "", message: text.say("page-not-a-size") };
      const changed = Object.entries(wish).filter(([name, value]) =>
        value !== this.context.settings?.[/** @type {keyof Settings} */ (name)]);
      if (changed.length > 0) this.context.settings = await live.call("settings.set", Object.fromEntries(changed));
      this.dialog.close();
      this.#paint();
    } catch (error) {
      const { code, message } = /** @type {CallError} */ (error);
      wrong.textContent = code ? errorText(code, message, undefined, text) : message;
      wrong.hidden = false;
    }
  }
}
