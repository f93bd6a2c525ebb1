// Which downloads are chosen for what is done to many at once. Knows no DOM.

export class Selection {
  /** @param {() => void} changed called after every change */
  constructor(changed) {
    /** @type {Set<string>} */
    this.ids = new Set();
    /** Where a range begins. @type {string | null} */
    this.anchor = null;
    this.changed = changed;
  }

  /** @param {string} id */
  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.anchor = id;
    this.changed();
  }

  /**
   * Chooses everything from the last one that was chosen to this one.
   * @param {string} id
   * @param {string[]} order of what is shown
   */
  reach(id, order) {
    const from = this.anchor === null ? -1 : order.indexOf(this.anchor);
    const to = order.indexOf(id);
    if (from < 0) return this.toggle(id);
    for (let at = Math.min(from, to); at <= Math.max(from, to); at++) this.ids.add(order[at]);
    this.changed();
  }

  /** @param {string[]} order of what is shown */
  all(order) {
    const isAll = order.length > 0 && order.every((id) => this.ids.has(id));
    this.ids = new Set(isAll ? [] : order);
    this.changed();
  }

  clear() {
    this.anchor = null;
    if (this.ids.size === 0) return;
    this.ids.clear();
    this.changed();
  }

  /**
   * Forgets those that are not shown any longer: nothing is done to what cannot be seen.
   * @param {{ has: (id: string) => boolean }} shown
   */
  within(shown) {
    if (this.anchor !== null && !shown.has(this.anchor)) this.anchor = null;
    const hidden = [...this.ids].filter((id) => !shown.has(id));
    if (hidden.length === 0) return;
    for (const id of hidden) this.ids.delete(id);
    this.changed();
  }
}
