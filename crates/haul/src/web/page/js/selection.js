// Which downloads are chosen for what is done to many at once. Knows no DOM.

export class Selection {
  /** @param {() => void} changed called after every change */
  constructor(changed) {
    /** @type {Set<string>} */
    this.ids = new Set();
    /** Where a range begins. @type {string | null} */
    this.anchor = null;
    /** What the range from there has chosen. @type {string[]} */
    this.range = [];
    this.changed = changed;
  }

  /**
   * The next range begins here.
   * @param {string | null} id
   */
  begin(id) {
    this.anchor = id;
    this.range = [];
  }

  /** @param {string} id */
  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.begin(id);
    this.changed();
  }

  /**
   * Chooses everything from the last one that was chosen to this one, in place of such a range before.
   * @param {string} id
   * @param {string[]} order of what is shown
   */
  reach(id, order) {
    const from = this.anchor === null ? -1 : order.indexOf(this.anchor);
    const to = order.indexOf(id);
    if (from < 0) return this.toggle(id);
    for (const one of this.range) this.ids.delete(one);
    const reached = order.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.range = reached.filter((one) => !this.ids.has(one));
    for (const one of reached) this.ids.add(one);
    this.changed();
  }

  /** @param {string[]} order of what is shown */
  all(order) {
    const isAll = order.length > 0 && order.every((id) => this.ids.has(id));
    this.ids = new Set(isAll ? [] : order);
    this.range = [];
    this.changed();
  }

  clear() {
    this.begin(null);
    if (this.ids.size === 0) return;
    this.ids.clear();
    this.changed();
  }

  /**
   * Forgets those that are not shown any longer: nothing is done to what cannot be seen.
   * @param {{ has: (id: string) => boolean }} shown
   */
  within(shown) {
    if (this.anchor !== null && !shown.has(this.anchor)) this.begin(null);
    const hidden = [...this.ids].filter((id) => !shown.has(id));
    if (hidden.length === 0) return;
    for (const id of hidden) this.ids.delete(id);
    this.changed();
  }
}
