// Reads URLs and sizes as people paste, drop and write them. Pure.

/** One line of the field: a URL, and perhaps mirrors of the same file. */
/** @typedef {{ line: string, url: string, mirrors: string[] }} Wanted */

const WEB = /^https?:\/\/\S/i;
const QUOTED = /^(?:"([^"]*)"|'([^']*)'|<([^<>]*)>),?$/;
/** Letters that are written from right to left, and the marks that turn the direction. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * The lines that name something to download; mirrors follow after TABs. Empty lines and those that begin
 * with `#` are left out; a line of several URLs, with spaces or commas and spaces between them, is taken apart.
 * Quotes and angle brackets around a URL are no part of it.
 * @param {string} text
 * @returns {Wanted[]}
 */
export function wanted(text) {
  const found = [];
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim().replace(/ *\t */g, "\t");
    if (!line || line.startsWith("#")) continue;
    for (const part of apart(line)) {
      const [url, ...mirrors] = part.split("\t").map((place) => bare(place.trim())).filter(Boolean);
      found.push({ line: part, url, mirrors });
    }
  }
  return found;
}

/**
 * The parts of a line that are a download each.
 * @param {string} line
 */
function apart(line) {
  const words = line.split(/ *,? +/);
  if (words.length < 2 || !words.every(hasUrl)) return [line];
  // Only between URLs is a comma surely no part of one, and so at the end of a line that has such.
  return words.map((word) => word.replace(/,$/, ""));
}

/**
 * A URL without what stands around it.
 * @param {string} text
 */
function bare(text) {
  const quoted = QUOTED.exec(text);
  return quoted ? (quoted[1] ?? quoted[2] ?? quoted[3]).trim() : text;
}

/**
 * Whether it is an absolute address that the daemon could fetch.
 * @param {string} text
 */
export function isUrl(text) {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

/**
 * Whether a pasted or dropped text is about downloads at all.
 * @param {string} text
 */
export function hasUrl(text) {
  return text.split(/\s+/).some((word) => WEB.test(word.replace(/^["'<]/, "")));
}

/**
 * Whether anything in a text is written from right to left.
 * @param {string} text
 */
export function isRightToLeft(text) {
  return RIGHT_TO_LEFT.test(text);
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
 * A name in two parts, of which the last is never cut: the extension and some letters before it. A name with
 * letters from right to left stays whole: in two boxes its parts would stand in the wrong order.
 * @param {string} name
 * @returns {[string, string]}
 */
export function halves(name) {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 ? name.length - dot : 0;
  const tail = Math.min(name.length, (extension > 12 ? 0 : extension) + 6);
  if (name.length < 24 || isRightToLeft(name)) return [name, ""];
  // A pair of code units must stay together.
  let cut = name.length - tail;
  if (/[\udc00-\udfff]/.test(name[cut])) cut--;
  return [name.slice(0, cut), name.slice(cut)];
}

/**
 * Bytes of `2M`, `512K`, `1.5G`, `5 МиБ/с` or plain figures; null when it is none of these, or so small that
 * nothing would be left: that is not the same as nothing.
 * @param {string} text
 */
export function bytesOf(text) {
  const read = /^([0-9]+(?:[.,][0-9]+)?)\s*([kmgtкмгт])?(?:[iи]?[bб])?(?:\/[sс])?$/i.exec(text.trim());
  if (!read) return null;
  const unit = (read[2] ?? "").toLowerCase();
  const power = unit ? Math.max(" kmgt".indexOf(unit), " кмгт".indexOf(unit)) : 0;
  const figure = Number(read[1].replace(",", "."));
  // There is no part of a byte; `1,023` may be meant as a thousand.
  if (power === 0 && !Number.isInteger(figure)) return null;
  const bytes = Math.round(figure * 1024 ** power);
  return bytes === 0 && figure > 0 ? null : bytes;
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
