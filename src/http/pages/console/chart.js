// Throughput of the last hour as a line of SVG; what it shows stands in words beside it.

import { t } from "./common.js";

// The name space of SVG, from an element that the page's parser has made.
const NS = document.getElementById("drawing").namespaceURI;
const HEIGHT = 220, LEFT = 44, RIGHT = 8, TOP = 12, BOTTOM = 26;
const SECONDS = 10;
// On a phone the drawing is not made smaller, with its letters, but narrower.
const narrow = window.matchMedia("(max-width: 760px)");

function shape(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** The next of 0.1, 0.2, 0.5, 1, 2, 5, 10, 20 … */
function above(value) {
  for (let tenths = 1; ; tenths *= 10) {
    for (const factor of [1, 2, 5]) if (factor * tenths >= value * 10) return factor * tenths / 10;
  }
}

/** Samples of `{ at, answered, signed }`, ten seconds each: of the last hour, or of as much of it as there are samples of. */
export function chart(samples) {
  const WIDTH = narrow.matches ? 360 : 720;
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": t("过去一小时每秒签署与请求数", "Signatures and requests a second, last hour") });
  const rate = (sample, name) => sample[name] / SECONDS;
  const most = above(Math.max(0.1, ...samples.map((s) => Math.max(rate(s, "answered"), rate(s, "signed")))));
  const span = [5, 15, 60].find((minutes) => samples.length <= minutes * 60 / SECONDS) ?? 60;
  const slots = span * 60 / SECONDS;
  // Where a sample's ten seconds end.
  const x = (n) => LEFT + (WIDTH - LEFT - RIGHT) * (slots - samples.length + n + 1) / slots;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  for (const part of [0, 0.5, 1]) {
    const at = y(most * part);
    svg.append(shape("line", { class: part === 0 ? "axis" : "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }));
    svg.append(shape("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, (most * part).toLocaleString()));
  }
  for (const part of narrow.matches ? [1, 0.5, 0] : [1, 0.8, 0.6, 0.4, 0.2, 0]) {
    const minutes = (span * part).toLocaleString();
    const at = LEFT + (WIDTH - LEFT - RIGHT) * (1 - part);
    const anchor = part === 1 ? "start" : part === 0 ? "end" : "middle";
    svg.append(shape("text", { x: at, y: HEIGHT - 8, "text-anchor": anchor }, part === 0 ? t("现在", "now") : t(`${minutes} 分钟前`, `${minutes} min`)));
  }
  if (samples.length > 0) {
    // Each sample is a step as wide as its ten seconds, so that a single one is seen too.
    const line = (name) => samples.map((s, n) =>
      `${n === 0 ? "M" : "L"}${x(n - 1).toFixed(1)} ${y(rate(s, name)).toFixed(1)}H${x(n).toFixed(1)}`).join("");
    const signed = line("signed");
    svg.append(shape("path", { class: "area", d: `${signed}V${y(0)}H${x(-1).toFixed(1)}Z` }));
    svg.append(shape("path", { class: "answered", d: line("answered") }));
    svg.append(shape("path", { class: "signed", d: signed }));
  }
  return svg;
}
