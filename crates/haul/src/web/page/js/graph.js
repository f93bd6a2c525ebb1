// Speed over time, as lines: a small one without words, a large one with its axes.

import { mark, svg, write } from "./dom.js";
import { SECONDS } from "./history.js";

/** @typedef {import("./text.js").Text} Text */

/** Seconds that the small one shows. */
const SMALL = 60;
const WIDTH = 400;
const HEIGHT = 84;
const TOP = 8;

/**
 * The smallest round number of bytes that is not below the greatest of these.
 * @param {number} most
 */
export function roof(most) {
  const unit = 1024 ** Math.floor(Math.log(Math.max(most, 1024)) / Math.log(1024));
  const steps = [1, 2, 3, 5, 8, 10, 20, 30, 50, 80, 100, 200, 300, 500, 800, 1024];
  return unit * (steps.find((step) => step * unit >= most) ?? 1024);
}

/**
 * The corners of a line through samples of which the last stands at the right edge.
 * @param {number[]} samples
 * @param {number} seconds over the whole width
 * @param {number} most at the upper edge
 * @param {{ width: number, height: number, top: number }} room
 */
export function corners(samples, seconds, most, room) {
  const shown = samples.slice(-seconds);
  return shown.map((sample, at) => {
    const x = room.width * (1 - (shown.length - 1 - at) / (seconds - 1));
    const y = room.top + (room.height - room.top) * (1 - Math.min(1, sample / most));
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
}

/** The speed of everything in the top bar. */
export class Sparkline {
  /** @param {SVGSVGElement} element */
  constructor(element) {
    this.area = svg("path", { class: "area" });
    this.line = svg("path");
    element.append(this.area, svg("path", { class: "ground", d: "M0 23.5H96" }), this.line);
  }

  /** @param {number[]} samples */
  paint(samples) {
    const most = Math.max(...samples.slice(-SMALL), 1);
    const points = corners(samples, SMALL, most * 1.05, { width: 96, height: 23, top: 2 });
    const moves = points.length > 1 && samples.slice(-SMALL).some((sample) => sample > 0);
    const line = points.join("L");
    mark(this.line, "d", moves ? `M${line}` : "");
    mark(this.area, "d", moves ? `M${points[0].split(" ")[0]} 23L${line}V23Z` : "");
  }
}

/**
 * @param {number} seconds
 * @param {Text} text
 */
function ago(seconds, text) {
  if (seconds < 60) return text.say("page-graph-seconds", { seconds });
  return text.say("page-graph-minutes", { minutes: text.decimal.format(seconds / 60) });
}

/** The speed of one download, with its axes. */
export class Graph {
  constructor() {
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "line" });
    this.plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", x: 0, y: 0, width: "100%", height: HEIGHT },
      this.area,
      ...[TOP, (TOP + HEIGHT) / 2, HEIGHT].map((y) => svg("path", { class: "level", d: `M0 ${y - 0.5}H${WIDTH}` })),
      this.line);
    this.high = svg("text", { x: 0, y: TOP + 12 });
    this.half = svg("text", { x: 0, y: (TOP + HEIGHT) / 2 + 12 });
    this.then = svg("text", { x: 0, y: HEIGHT + 18 });
    this.middle = svg("text", { x: "50%", y: HEIGHT + 18, "text-anchor": "middle" });
    this.now = svg("text", { x: "100%", y: HEIGHT + 18, "text-anchor": "end" });
    this.element = svg("svg", { class: "graph", role: "img" },
      this.plot, this.high, this.half, this.then, this.middle, this.now);
  }

  /**
   * @param {number[]} samples
   * @param {Text} text
   */
  paint(samples, text) {
    // As long as there is little to show, that little is shown large.
    const span = samples.length <= SMALL ? SMALL : SECONDS;
    const most = Math.max(...samples, 1);
    const top = roof(most);
    const points = corners(samples, span, top, { width: WIDTH, height: HEIGHT, top: TOP });
    const isLine = points.length > 1;
    mark(this.line, "d", isLine ? `M${points.join("L")}` : "");
    const left = points[0]?.split(" ")[0] ?? "0";
    mark(this.area, "d", isLine ? `M${left} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z` : "");
    write(this.high, text.speed(top));
    write(this.half, text.speed(top / 2));
    write(this.then, ago(span, text));
    write(this.middle, ago(span / 2, text));
    write(this.now, text.say("page-graph-now"));
    mark(this.element, "aria-label", text.say("page-graph-says", {
      now: text.speed(samples.at(-1) ?? 0), most: text.speed(most > 1 ? most : 0),
    }));
  }
}
