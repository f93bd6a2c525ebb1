// Says things in the language of the person: messages, numbers, sizes, speeds, times. Knows no DOM.

import { read, write } from "./fluent.js";

/** @typedef {import("../types.d.ts").Values} Values */

const UNITS = ["b", "kib", "mib", "gib", "tib", "pib", "eib"];

/** A language with its messages. */
export class Text {
  /**
   * @param {string} lang its code
   * @param {string} source its messages, Fluent
   */
  constructor(lang, source) {
    this.lang = lang;
    this.messages = read(source);
    const plural = new Intl.PluralRules(lang);
    const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
    this.tenths = new Intl.NumberFormat(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
    this.decimal = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
    this.moment = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });
    this.clock = new Intl.DateTimeFormat(lang, { timeStyle: "medium" });
    this.order = new Intl.Collator(lang, { numeric: true, sensitivity: "base" });
    this.language = {
      plural: /** @param {number} number */ (number) => plural.select(number),
      number: /** @param {number} number */ (number) => whole.format(number),
    };
    /** @type {Map<string, string>} */
    this.fixed = new Map();
  }

  /**
   * Whether there is a message of this name.
   * @param {string} name
   */
  has(name) {
    return this.messages.has(name);
  }

  /**
   * The message of this name.
   * @param {string} name
   * @param {Values} [values]
   */
  say(name, values) {
    const pattern = this.messages.get(name);
    if (!pattern) throw new Error(`there is no message ${name} in ${this.lang}`);
    if (values) return write(pattern, values, this.language);
    let fixed = this.fixed.get(name);
    if (fixed === undefined) {
      fixed = write(pattern, {}, this.language);
      this.fixed.set(name, fixed);
    }
    return fixed;
  }

  /** @param {number} number */
  number(number) {
    return this.language.number(number);
  }

  /**
   * `20.7 MiB`: at most four figures before the point, one after.
   * @param {number} bytes
   */
  size(bytes) {
    let unit = 0;
    let value = bytes;
    // Rounding must not make 1024.0 of one unit where 1.0 of the next belongs.
    while (value >= 1023.95 && unit + 1 < UNITS.length) {
      value /= 1024;
      unit++;
    }
    const figure = unit === 0 ? this.number(bytes) : this.tenths.format(value);
    return `${figure}\u00a0${this.say(`unit-${UNITS[unit]}`)}`;
  }

  /**
   * `4.9 of 56.0 MiB`: the unit once when it is the same.
   * @param {number} done
   * @param {number} size
   */
  amount(done, size) {
    const [first, unit] = this.size(done).split("\u00a0");
    const whole = this.size(size);
    return this.say("page-amount", { done: whole.endsWith(`\u00a0${unit}`) ? first : `${first}\u00a0${unit}`, size: whole });
  }

  /**
   * `1.0 MiB/s`.
   * @param {number} bytes per second
   */
  speed(bytes) {
    return `${this.size(bytes)}${this.say("unit-per-second")}`;
  }

  /**
   * `17.0%`, rounded down, so that only what is complete says 100.
   * @param {number} percent
   */
  percent(percent) {
    return `${this.tenths.format(Math.floor(percent * 10) / 10)}${this.say("unit-percent")}`;
  }

  /**
   * `17 s`, `2 m 05 s`, `3 h 20 m`, `4 d 06 h`.
   * @param {number} seconds
   */
  duration(seconds) {
    const two = /** @param {number} number */ (number) => String(Math.floor(number)).padStart(2, "0");
    const whole = /** @param {number} number */ (number) => String(Math.floor(number));
    if (seconds < 60) return this.say("time-seconds", { seconds: whole(seconds) });
    if (seconds < 3600) {
      return this.say("time-minutes", { minutes: whole(seconds / 60), seconds: two(seconds % 60) });
    }
    if (seconds < 86400) {
      return this.say("time-hours", { hours: whole(seconds / 3600), minutes: two(seconds % 3600 / 60) });
    }
    return this.say("time-days", { days: whole(seconds / 86400), hours: two(seconds % 86400 / 3600) });
  }

  /**
   * A time as the daemon says it (RFC 3339), for people.
   * @param {string} time
   */
  when(time) {
    return this.moment.format(new Date(time));
  }
}
