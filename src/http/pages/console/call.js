// Calls of the console, and the small things that all its views draw with.

import { both, el, language, t } from "./common.js";

/** What a call was refused with. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function read(response) {
  let body = null;
  try { body = await response.json(); } catch { /* not from the appliance */ }
  if (!response.ok || body === null) throw new Refused(response.status, body?.msg ?? `HTTP ${response.status}`);
  return body;
}

/** What a view shows. */
export async function look(path, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  const { data } = await read(await fetch(`api/${path}?${search}`, { headers: { "Hufu-Console": "1" } }));
  return data;
}

/** A command: `{ done }`, or `{ waits }` when others must agree first. */
export async function order(command) {
  const answer = await read(await fetch("api/command", {
    method: "POST", headers: { "Content-Type": "application/json", "Hufu-Console": "1" }, body: JSON.stringify(command),
  }));
  if (answer.Err !== undefined) throw new Refused(200, answer.Err);
  return answer.Waits === undefined ? { done: answer.Ok } : { waits: answer.Waits };
}

/** A coloured word. */
export function pill(kind, zh, en) {
  return el("span", { class: `pill ${kind}` }, both(zh, en));
}

/** What the appliance or the network said no with. */
export function notice(kind, zh, en) {
  return el("p", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" }, both(zh, en));
}

export function refusal(error) {
  const said = error.message;
  return notice("bad", `未能完成：${said}`, `Not done: ${said}`);
}

/** A short form of a time, whole in its title. */
export function moment(millis) {
  if (millis === null || millis === undefined) return "–";
  const date = new Date(millis);
  return el("time", { datetime: date.toISOString(), title: date.toLocaleString(language(), { dateStyle: "full", timeStyle: "long" }) },
    date.toLocaleString(language(), { dateStyle: "short", timeStyle: "medium" }));
}

/** A digest or key: its beginning, whole in its title. */
export function digest(hex) {
  return hex ? el("span", { class: "mono", title: hex }, `${hex.slice(0, 12)}…`) : "–";
}

/** A table whose rows become cards on a phone. `columns`: [zh, en, cell of a row]. */
export function table(caption, columns, rows) {
  const label = ([zh, en]) => t(zh, en);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, el("table", { class: "rows" },
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, columns.map((column) => el("th", { scope: "col" }, label(column))))),
    el("tbody", {}, rows.map((row) => el("tr", {}, columns.map((column) => el("td", { "data-label": label(column) }, el("span", {}, column[2](row)))))))));
}

export function heading(zh, en, ...beside) {
  return el("div", { class: "title" }, el("h1", {}, both(zh, en)), ...beside);
}
