// 手绘: strokes are smoothed by perfect-freehand into outlines; what is submitted is exactly what is shown.

import { getStroke } from "./perfect-freehand.mjs";
import { begin, both, el, t, when } from "./common.js";

const INK = { C1: "#e60012", C2: "#0038c8", C3: "#000000" };
// As many as the appliance takes.
const STROKES_MAX = 200;
const POINTS_MAX = 3000;

const canvas = document.getElementById("paper");
const context = canvas.getContext("2d");
const buttons = { undo: document.getElementById("undo"), clear: document.getElementById("clear"), submit: document.getElementById("submit") };
const outcome = document.getElementById("outcome");

/** Finished strokes and the one being written: `{ points: [x, y, pressure], pen }`, in CSS pixels of the canvas. */
let strokes = [];
let writing = null;
let size = { width: 0, height: 0 };
let open = false;
let invitation = null;

function outline(stroke) {
  return getStroke(stroke.points, {
    size: Math.max(5, Math.min(size.width, size.height * 2) * 0.02),
    thinning: 0.6,
    smoothing: 0.6,
    streamline: 0.45,
    simulatePressure: !stroke.pen,
    last: stroke !== writing,
  });
}

/** A closed curve through the middles of the edges, as the appliance draws it. */
function path(points) {
  const shape = new Path2D();
  if (points.length < 3) return shape;
  const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  shape.moveTo(...middle(points[points.length - 1], points[0]));
  points.forEach((point, i) => shape.quadraticCurveTo(...point, ...middle(point, points[(i + 1) % points.length])));
  shape.closePath();
  return shape;
}

function colour() {
  return document.querySelector("input[name=colour]:checked").value;
}

function draw() {
  context.clearRect(0, 0, size.width, size.height);
  context.fillStyle = INK[colour()];
  for (const stroke of writing ? [...strokes, writing] : strokes) context.fill(path(outline(stroke)));
  buttons.undo.disabled = buttons.clear.disabled = !open || strokes.length === 0;
  buttons.submit.disabled = !open || strokes.length === 0;
  canvas.setAttribute("aria-label", t(`签名区，已写 ${strokes.length} 笔`, `Signature box, ${strokes.length} strokes written`));
}

/** Fits the canvas to its box; what is written keeps its shape and its middle. */
function fit() {
  const box = canvas.getBoundingClientRect();
  if (box.width === 0 || (box.width === size.width && box.height === size.height)) return;
  const scale = size.width ? Math.min(box.width / size.width, box.height / size.height) : 1;
  const [dx, dy] = [(box.width - size.width * scale) / 2, (box.height - size.height * scale) / 2];
  if (size.width) {
    for (const stroke of strokes) stroke.points = stroke.points.map(([x, y, p]) => [x * scale + dx, y * scale + dy, p]);
  }
  size = { width: box.width, height: box.height };
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(size.width * density);
  canvas.height = Math.round(size.height * density);
  context.setTransform(density, 0, 0, density, 0, 0);
  draw();
}

function add(event) {
  const box = canvas.getBoundingClientRect();
  const several = event.getCoalescedEvents?.() ?? [];
  for (const one of several.length ? several : [event]) {
    if (writing.points.length >= POINTS_MAX) return;
    const x = Math.min(Math.max(one.clientX - box.left, 0), size.width);
    const y = Math.min(Math.max(one.clientY - box.top, 0), size.height);
    writing.points.push([x, y, one.pressure || 0.5]);
  }
}

canvas.addEventListener("pointerdown", (event) => {
  if (!open || writing || strokes.length >= STROKES_MAX || (event.pointerType === "mouse" && event.button !== 0)) return;
  event.preventDefault();
  try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
  writing = { points: [], pen: event.pointerType === "pen", pointer: event.pointerId };
  add(event);
  draw();
});
canvas.addEventListener("pointermove", (event) => {
  if (writing?.pointer !== event.pointerId) return;
  add(event);
  draw();
});
for (const kind of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(kind, (event) => {
    if (writing?.pointer !== event.pointerId) return;
    const done = writing;
    writing = null;
    if (kind === "pointerup") strokes.push(done);
    draw();
  });
}

buttons.undo.addEventListener("click", () => { strokes.pop(); draw(); });
buttons.clear.addEventListener("click", () => { strokes = []; draw(); });
document.querySelectorAll("input[name=colour]").forEach((input) => input.addEventListener("change", draw));

function say(kind, zh, en) {
  outcome.replaceChildren(el("div", { class: `card verdict ${kind}` }, ...both(zh, en)));
  outcome.scrollIntoView({ block: "nearest" });
}

function close() {
  open = false;
  draw();
}

const CLOSED = ["此链接不存在、已使用或已过期。请重新获取。", "This link does not exist, was used, or has expired. Please ask for a new one."];

buttons.submit.addEventListener("click", async () => {
  buttons.submit.disabled = true;
  const body = JSON.stringify({
    color: colour(),
    width: size.width,
    height: size.height,
    strokes: strokes.map((stroke) => outline(stroke).map(([x, y]) => [Math.round(x * 100) / 100, Math.round(y * 100) / 100])),
  });
  try {
    const response = await fetch(location.pathname, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const answer = await response.json();
    if (answer.code === 200) {
      close();
      say("good", "签名已提交，可以关闭此页面。", "Your signature was submitted. You can close this page.");
    } else if (answer.code === 404) {
      close();
      say("bad", ...CLOSED);
    } else {
      say("bad", `未能提交：${answer.msg}`, `Not submitted: ${answer.msg}`);
      draw();
    }
  } catch {
    say("bad", "网络不通，请重试。", "No connection; please try again.");
    draw();
  }
});

function introduce() {
  const line = document.getElementById("whose");
  if (invitation) {
    line.textContent = t(`签署人：${invitation.name}　有效期至 ${when(invitation.expires)}`, `Signer: ${invitation.name}. Valid until ${when(invitation.expires)}`);
  }
  draw();
}

document.addEventListener("language", introduce);
begin();
new ResizeObserver(fit).observe(canvas);
fit();

try {
  const response = await fetch(`${location.pathname}/invitation`, { headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (answer.code === 200) {
    invitation = answer.data;
    open = true;
    introduce();
  } else {
    say("bad", ...CLOSED);
  }
} catch {
  say("bad", "网络不通，请刷新页面重试。", "No connection; please reload the page.");
}
