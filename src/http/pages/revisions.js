// Pages as pictures: the seals on them outlined, and two revisions side by side with what differs marked.

import { both, el, t } from "./common.js";

const PAGES_MAX = 30;
const SIDE = 1000;
/** Pixels of a square that is compared, and how much of it may differ before it counts. */
const CELL = 12;
const TOLERANCE = 24;

/** A page of the first `end` bytes of a file (of all of them without). */
async function picture(file, page, end) {
  const query = new URLSearchParams({ page, side: SIDE });
  const body = end === undefined ? file : file.slice(0, end);
  const response = await fetch(`verify/page?${query}`, { method: "POST", headers: { "Content-Type": "application/pdf" }, body });
  if (response.headers.get("Content-Type") !== "image/png") return null;
  const matrix = (response.headers.get("hufu-matrix") ?? "").split(" ").map(Number);
  const url = URL.createObjectURL(await response.blob());
  const image = new Image();
  image.src = url;
  await image.decode();
  return { image, matrix, pages: Number(response.headers.get("hufu-pages")), release: () => URL.revokeObjectURL(url) };
}

/** A mark at fractions of the page. */
function mark(style, { x, y, width, height }) {
  const box = el("div", { class: `mark ${style}` });
  Object.assign(box.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${width * 100}%`, height: `${height * 100}%` });
  return box;
}

/** A rectangle of default user space as fractions of the picture. */
function shownAt([left, bottom, right, top], [a, b, c, d, e, f]) {
  const corners = [[left, bottom], [right, top]].map(([x, y]) => [a * x + c * y + e, b * x + d * y + f]);
  const xs = corners.map((p) => p[0]);
  const ys = corners.map((p) => p[1]);
  return { x: Math.min(...xs), y: Math.min(...ys), width: Math.abs(xs[1] - xs[0]), height: Math.abs(ys[1] - ys[0]) };
}

function figure(image, marks, zh, en) {
  image.alt = t(zh, en);
  return el("figure", { class: "page" }, el("div", { class: "sheet" }, image, ...marks), el("figcaption", { class: "soft" }, ...both(zh, en)));
}

/** All pages with the places of the signatures. */
export async function showPages(file, into, signatures) {
  for (let page = 1, pages = 1; page <= Math.min(pages, PAGES_MAX); page += 1) {
    const got = await picture(file, page).catch(() => null);
    if (!got || !into.isConnected) {
      if (page === 1 && into.isConnected) into.append(el("p", { class: "soft" }, ...both("无法显示此文件的页面。", "The pages of this file cannot be shown.")));
      return;
    }
    pages = got.pages;
    const marks = signatures.flatMap((s) => s.places)
      .filter((p) => p.page === page && p.rect && p.rect[2] > p.rect[0] && p.rect[3] > p.rect[1])
      .map((p) => mark("", shownAt(p.rect, got.matrix)));
    into.append(figure(got.image, marks, `第 ${page} 页`, `Page ${page}`));
  }
}

function pixels(image, width, height) {
  const canvas = el("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** Where two pictures differ, as fractions, neighbouring squares joined. */
function changedAreas(before, after) {
  const [width, height] = [after.naturalWidth, after.naturalHeight];
  const [a, b] = [pixels(before, width, height), pixels(after, width, height)];
  const [columns, lines] = [Math.ceil(width / CELL), Math.ceil(height / CELL)];
  const differs = new Uint8Array(columns * lines);
  for (let i = 0; i < a.length; i += 4) {
    if (Math.abs(a[i] - b[i]) > TOLERANCE || Math.abs(a[i + 1] - b[i + 1]) > TOLERANCE || Math.abs(a[i + 2] - b[i + 2]) > TOLERANCE) {
      const pixel = i / 4;
      differs[Math.floor(Math.floor(pixel / width) / CELL) * columns + Math.floor((pixel % width) / CELL)] = 1;
    }
  }
  const areas = [];
  for (let start = 0; start < differs.length; start += 1) {
    if (differs[start] !== 1) continue;
    const area = { left: Infinity, top: Infinity, right: 0, bottom: 0 };
    const waiting = [start];
    differs[start] = 2;
    while (waiting.length > 0) {
      const at = waiting.pop();
      const [x, y] = [at % columns, Math.floor(at / columns)];
      area.left = Math.min(area.left, x);
      area.right = Math.max(area.right, x + 1);
      area.top = Math.min(area.top, y);
      area.bottom = Math.max(area.bottom, y + 1);
      for (let ny = Math.max(0, y - 2); ny <= Math.min(lines - 1, y + 2); ny += 1) {
        for (let nx = Math.max(0, x - 2); nx <= Math.min(columns - 1, x + 2); nx += 1) {
          const next = ny * columns + nx;
          if (differs[next] === 1) {
            differs[next] = 2;
            waiting.push(next);
          }
        }
      }
    }
    areas.push(area);
  }
  return areas.map(({ left, top, right, bottom }) => ({
    x: left * CELL / width, y: top * CELL / height, width: (right - left) * CELL / width, height: (bottom - top) * CELL / height,
  }));
}

/** What the two sides of a comparison are called. */
const SIGNED_AND_NOW = { before: ["签署时", "when signed"], after: ["现在", "now"] };
const REVISION = { before: ["此修订之前", "before this revision"], after: ["此修订之后", "after this revision"] };

/** Since the signature that covers the first `end` bytes. */
export function compareWithNow(file, end, into, first) {
  return comparePages(file, [end, undefined], into, first, SIGNED_AND_NOW);
}

/** Before and after the revision that made `start` bytes into `end`. */
export function compareRevision(file, start, end, into, first) {
  return comparePages(file, [start, end], into, first, REVISION);
}

/** Both sides of every page that differs; `first` are pages to begin with. */
async function comparePages(file, [start, end], into, first, names) {
  into.replaceChildren(el("p", { class: "soft" }, ...both("正在比较……", "Comparing…")));
  const pages = el("div", { class: "pages" });
  let different = 0;
  let count = 1;
  const order = () => [...first, ...Array.from({ length: Math.min(count, PAGES_MAX) }, (_, i) => i + 1).filter((p) => !first.includes(p))];
  for (let i = 0; i < order().length; i += 1) {
    const page = order()[i];
    const [before, after] = await Promise.all([picture(file, page, start).catch(() => null), picture(file, page, end).catch(() => null)]);
    if (!before && !after) continue;
    count = Math.max(count, before?.pages ?? 0, after?.pages ?? 0);
    const areas = before && after ? changedAreas(before.image, after.image) : [{ x: 0, y: 0, width: 1, height: 1 }];
    if (areas.length === 0) continue;
    different += 1;
    const marks = () => areas.map((area) => mark("changed", area));
    for (const [side, [zh, en]] of [[before, names.before], [after, names.after]]) {
      pages.append(side
        ? figure(side.image, marks(), `第 ${page} 页，${zh}`, `Page ${page}, ${en}`)
        : el("p", {}, ...both(`第 ${page} 页不存在：${zh}`, `There is no page ${page} ${en}`)));
    }
  }
  into.replaceChildren(
    different === 0
      ? el("p", {}, ...both("显示的内容没有差别。", "What is shown does not differ."))
      : el("p", {}, ...both(`${different} 页的显示有差别，已用橙色标出（包括后来加盖的签章）。`, `${different} page(s) differ, marked in orange (later seals included).`)),
    pages);
}
