// Light, dark, or as the system has it; and where such choices are kept.

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);

/** @typedef {typeof THEMES[number]} Theme */

/** @returns {Theme} */
export function theme() {
  const now = document.documentElement.dataset.theme;
  return THEMES.find((theme) => theme === now) ?? "auto";
}

/** Goes on to the next one. */
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  document.documentElement.dataset.theme = next;
  keep("theme", next);
}

/**
 * Keeps a choice for the next visit.
 * @param {string} name
 * @param {string} value
 */
export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage may be forbidden: then it holds for this visit.
  }
}

/**
 * A choice of an earlier visit.
 * @param {string} name
 */
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
