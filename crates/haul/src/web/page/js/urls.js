// Reads URLs and sizes as people paste, drop and write them. Pure.

/** One line of the field: a URL, and perhaps mirrors of the same file. */
/** @typedef {{ line: string, url: string, mirrors: string[] }} Wanted */

const WEB = /^https?:\/\/\S/i;

/**
 * The lines that name something to download; mirrors follow after TABs. Empty lines and those that begin
 * with `#` are left out; a line of several URLs is taken apart.
 * @param {string} text
 * @returns {Wanted[]}
 */
export function wanted(text) {
  const found = [];
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (!line || line.startsWith("#")) continue;
    const words = line.split(/ +/);
    const parts = words.length > 1 && words.every((word) => WEB.test(word)) ? words : [line];
    for (const part of parts) {
      const [url, ...mirrors] = part.split("\t").map((place) => place.trim()).filter(Boolean);
      found.push({ line: part, url, mirrors });
    }
  }
  return found;
}

/**
 * Whether a pasted or dropped text is about downloads at all.
 * @param {string} text
 */
export function hasUrl(text) {
  return text.split(/\s+/).some((word) => WEB.test(word));
}

/**
 * The host of a URL, for people; the text itself when it is none.
 * @param {string} url
 */
export function hostOf(url) {
  // Cheaper than parsing, and a list has many.
  const host = /^[a-z]+:\/\/(?:[^/?#@]*@)?([^/?#]+)/i.exec(url);
  return host ? host[1] : url;
}

/**
 * A name in two parts, of which the last is never cut: the extension and some letters before it.
 * @param {string} name
 * @returns {[string, string]}
 */
export function halves(name) {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 ? name.length - dot : 0;
  const tail = Math.min(name.length, (extension > 12 ? 0 : extension) + 6);
  if (name.length < 24) return [name, ""];
  // A pair of code units must stay together.
  let cut = name.length - tail;
  if (/[\udc00-\udfff]/.test(name[cut])) cut--;
  return [name.slice(0, cut), name.slice(cut)];
}

/**
 * Bytes of `2M`, `512K`, `1.5G` or plain figures; null when it is none of these.
 * @param {string} text
 */
export function bytesOf(text) {
  const read = /^([0-9]+(?:[.,][0-9]+)?)\s*([kmgt])?(?:i?b)?(?:\/s)?$/i.exec(text.trim());
  if (!read) return null;
  const power = read[2] ? " kmgt".indexOf(read[2].toLowerCase()) : 0;
  return Math.round(Number(read[1].replace(",", ".")) * 1024 ** power);
}

/**
 * Bytes as a person would write them, and as `bytesOf` reads them: `2M`, else plain figures.
 * @param {number} bytes
 */
export function sizeOf(bytes) {
  for (const [unit, power] of /** @type {const} */ ([["G", 30], ["M", 20], ["K", 10]])) {
    if (bytes >= 2 ** power && bytes % 2 ** power === 0) return `${bytes / 2 ** power}${unit}`;
  }
  return String(bytes);
}
