// Reads messages in the part of Fluent's syntax that our texts use: values, and choices by value or plural.
// Knows no language and no message.

import { isRightToLeft } from "./urls.js";

/** @typedef {import("../types.d.ts").Values} Values */
/** @typedef {{ value: string }} Placed */
/** @typedef {{ choose: string, among: Map<string, Pattern>, otherwise: Pattern }} Choice */
/** @typedef {(string | Placed | Choice)[]} Pattern */

/**
 * The messages of a file, by name. Comments and groups are left out.
 * @param {string} text
 * @returns {Map<string, Pattern>}
 */
export function read(text) {
  /** @type {Map<string, Pattern>} */
  const messages = new Map();
  let name = "";
  /** @type {string[]} */
  let lines = [];
  const close = () => {
    if (name) messages.set(name, pattern(lines.join("\n").trim()));
    name = "";
    lines = [];
  };
  for (const line of text.split("\n")) {
    const begun = /^([a-z][a-z0-9-]*) = ?(.*)$/.exec(line);
    if (begun) {
      close();
      name = begun[1];
      lines.push(begun[2]);
    } else if (/^\s+\S/.test(line) || line === "}") {
      lines.push(line.trim());
    } else {
      close();
    }
  }
  close();
  return messages;
}

/**
 * @param {string} text
 * @returns {Pattern}
 */
function pattern(text) {
  /** @type {Pattern} */
  const parts = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("{", at);
    if (open < 0) {
      parts.push(text.slice(at));
      break;
    }
    if (open > at) parts.push(text.slice(at, open));
    const close = closing(text, open);
    parts.push(inBraces(text.slice(open + 1, close).trim()));
    at = close + 1;
  }
  return parts;
}

/**
 * Where the brace that opens at `open` closes.
 * @param {string} text
 * @param {number} open
 */
function closing(text, open) {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw new Error(`a brace is not closed: ${text}`);
}

/**
 * @param {string} text
 * @returns {string | Placed | Choice}
 */
function inBraces(text) {
  const literal = /^"(.*)"$/.exec(text);
  if (literal) return literal[1];
  const placed = /^\$([a-z_]+)$/.exec(text);
  if (placed) return { value: placed[1] };
  const choice = /^\$([a-z_]+) ->\s*([^]*)$/.exec(text);
  if (!choice) throw new Error(`not understood: {${text}}`);
  /** @type {Map<string, Pattern>} */
  const among = new Map();
  let otherwise = "other";
  const variants = choice[2].split(/(?:^|\s)(\*?)\[([a-z0-9]+)\] /).slice(1);
  for (let at = 0; at < variants.length; at += 3) {
    among.set(variants[at + 1], pattern(variants[at + 2].trim()));
    if (variants[at] === "*") otherwise = variants[at + 1];
  }
  const last = among.get(otherwise);
  if (!last) throw new Error(`no default: {${text}}`);
  return { choose: choice[1], among, otherwise: last };
}

/**
 * A message with its values in place. Numbers are written as the language does.
 * @param {Pattern} pattern
 * @param {Values} values
 * @param {{ plural: (number: number) => string, number: (number: number) => string }} language
 * @returns {string}
 */
export function write(pattern, values, language) {
  return pattern.map((part) => {
    if (typeof part === "string") return part;
    if ("value" in part) {
      const value = values[part.value];
      return typeof value === "number" ? language.number(value) : isolated(String(value));
    }
    const value = values[part.choose];
    const chosen = part.among.get(String(value))
      ?? (typeof value === "number" ? part.among.get(language.plural(value)) : undefined)
      ?? part.otherwise;
    return write(chosen, values, language);
  }).join("");
}

/**
 * A value whose direction turns nothing around it.
 * @param {string} value
 */
function isolated(value) {
  return isRightToLeft(value) ? `\u2068${value}\u2069` : value;
}
