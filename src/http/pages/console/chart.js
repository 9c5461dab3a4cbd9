// Throughput of the last hour as a line of SVG; what it shows stands in words beside it.

import { t } from "./common.js";

// The name space of SVG, from an element that the page's parser has made.
const NS = document.getElementById("drawing").namespaceURI;
const WIDTH = 720, HEIGHT = 220, LEFT = 44, RIGHT = 8, TOP = 12, BOTTOM = 26;
const SECONDS = 10;

function shape(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** The next of 1, 2, 5, 10, 20 … */
function above(value) {
  for (let step = 1; ; step *= 10) {
    for (const factor of [1, 2, 5]) if (factor * step >= value) return factor * step;
  }
}

/** Samples of `{ at, answered, signed }`, ten seconds each. */
export function chart(samples) {
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": t("过去一小时每秒签署与请求数", "Signatures and requests a second, last hour") });
  const rate = (sample, name) => sample[name] / SECONDS;
  const most = above(Math.max(1, ...samples.map((s) => Math.max(rate(s, "answered"), rate(s, "signed")))));
  const slots = 360;
  const x = (n) => LEFT + (WIDTH - LEFT - RIGHT) * (slots - samples.length + n) / (slots - 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  for (const part of [0, 0.5, 1]) {
    const at = y(most * part);
    svg.append(shape("line", { class: part === 0 ? "axis" : "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }));
    svg.append(shape("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, String(most * part)));
  }
  for (const minutes of [60, 45, 30, 15, 0]) {
    const at = LEFT + (WIDTH - LEFT - RIGHT) * (1 - minutes / 60);
    const anchor = minutes === 60 ? "start" : minutes === 0 ? "end" : "middle";
    svg.append(shape("text", { x: at, y: HEIGHT - 8, "text-anchor": anchor }, minutes === 0 ? t("现在", "now") : t(`${minutes} 分钟前`, `${minutes} min`)));
  }
  if (samples.length > 1) {
    const line = (name) => samples.map((s, n) => `${n === 0 ? "M" : "L"}${x(n).toFixed(1)} ${y(rate(s, name)).toFixed(1)}`).join("");
    const signed = line("signed");
    svg.append(shape("path", { class: "area", d: `${signed}L${x(samples.length - 1).toFixed(1)} ${y(0)}L${x(0).toFixed(1)} ${y(0)}Z` }));
    svg.append(shape("path", { class: "answered", d: line("answered") }));
    svg.append(shape("path", { class: "signed", d: signed }));
  }
  return svg;
}
