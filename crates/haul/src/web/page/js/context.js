// What the parts of the page share: made once in app.js and handed to each.

/**
 * @typedef {object} Context
 * @property {import("./text.js").Text} text the language now
 * @property {import("./live.js").Live} live
 * @property {import("./state.js").Downloads} downloads
 * @property {import("./view.js").View} view
 * @property {import("./selection.js").Selection} selection
 * @property {import("./history.js").History} history
 * @property {import("./limits.js").Settings | null} settings the daemon's limits, as last learned
 * @property {(text: string) => void} toast shows a sentence for a moment, and has it read out
 */

export {};
