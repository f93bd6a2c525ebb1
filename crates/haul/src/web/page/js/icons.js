// The icons: drawn on a grid of 16, with one width of line, in the colour of the text around them.

import { svg } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  add: "M8 3v10M3 8h10",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  resume: "M5 3.2v9.6L12.5 8z",
  retry: "M12.7 6A5 5 0 1 0 13 8.8M13 2.8V6H9.8",
  cancel: "M4 4l8 8M12 4l-8 8",
  remove: "M3 4.5h10M6.3 4.5V3h3.4v1.5M4.3 4.5l.6 8.5h6.2l.6-8.5M6.8 7v3.5M9.2 7v3.5",
  save: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13h10",
  copy: "M6 5.5h7v8H6zM10 5.5v-3H3v8h3",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4L13.5 13.5",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  check: "M3.5 8.5l3 3 6-7",
  queued: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3l2 1.5",
  active: "M8 2.5v8M4.8 7.5L8 10.7l3.2-3.2M3.5 13.5h9",
  failed: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3.5M8 10.9v.01",
  top: "M3.5 3h9M8 13V6M4.8 9L8 5.8 11.2 9",
  up: "M8 12.5v-9M4.5 7L8 3.5 11.5 7",
  down: "M8 3.5v9M4.5 9L8 12.5 11.5 9",
  bottom: "M3.5 13h9M8 3v7M4.8 7L8 10.2 11.2 7",
  grip: "M6 4h.01M6 8h.01M6 12h.01M10 4h.01M10 8h.01M10 12h.01",
  light: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1",
  dark: "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z",
  auto: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 2.5v11",
  help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 12v.01",
  limits: "M2.5 12a6 6 0 1 1 11 0M8 9.5l2.6-3.4",
};

/**
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const drawn = svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  drawn.append(svg("path", { d: PATHS[name] }));
  return drawn;
}

/**
 * Draws another icon in the place of one.
 * @param {SVGSVGElement} drawn
 * @param {string} name
 */
export function redraw(drawn, name) {
  drawn.firstElementChild?.setAttribute("d", PATHS[name]);
}
