// Renders the OpenAPI document that the appliance itself serves.

import { begin, el } from "./common.js";

const METHODS = ["get", "post", "patch", "put", "delete"];

let api = null;

/** Follows `#/components/…` references. */
function resolve(node, depth = 0) {
  if (!node || !node.$ref || depth > 8) return node ?? {};
  const found = node.$ref.replace(/^#\//, "").split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((at, part) => at?.[part], api);
  return resolve(found, depth + 1);
}

/** A type in one short line. */
function type(schema, depth = 0) {
  const s = resolve(schema);
  if (depth > 3) return "…";
  const several = s.oneOf ?? s.anyOf;
  if (several) return several.map((one) => type(one, depth + 1)).join(" | ");
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (s.const !== undefined) return JSON.stringify(s.const);
  const name = Array.isArray(s.type) ? s.type.join(" | ") : s.type ?? "object";
  if (name === "array") return `${type(s.items, depth + 1)}[]`;
  const bounds = [];
  if (s.minLength !== undefined || s.maxLength !== undefined) bounds.push(`${s.minLength ?? 0}–${s.maxLength ?? "∞"}`);
  if (s.minimum !== undefined || s.maximum !== undefined) bounds.push(`${s.minimum ?? "−∞"} … ${s.maximum ?? "∞"}`);
  if (s.format) bounds.push(s.format);
  if (s.pattern) bounds.push(s.pattern);
  return bounds.length ? `${name} (${bounds.join(", ")})` : name;
}

function row(name, schema, required, description, place) {
  const s = resolve(schema);
  return el("tr", {},
    el("td", {}, el("code", {}, name)),
    el("td", {}, el("code", {}, type(s))),
    el("td", {}, required ? "必填 required" : s.default !== undefined ? `默认 default ${JSON.stringify(s.default)}` : "可选 optional"),
    el("td", {}, `${place ? `[${place}] ` : ""}${description ?? s.description ?? ""}`));
}

function parameters(name, call) {
  const rows = (call.parameters ?? []).map((given) => {
    const p = resolve(given);
    return row(p.name, p.schema, p.required, p.description, p.in);
  });
  const content = resolve(call.requestBody).content ?? {};
  const [, body] = Object.entries(content)[0] ?? [];
  const schema = resolve(body?.schema);
  for (const [property, given] of Object.entries(schema.properties ?? {})) {
    rows.push(row(property, given, schema.required?.includes(property)));
  }
  if (rows.length === 0) return [];
  const kinds = Object.keys(content).join(", ");
  return [
    el("h3", {}, `参数 Parameters${kinds ? ` · ${kinds}` : ""}`),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `参数 Parameters ${name}` }, el("table", {},
      el("thead", {}, el("tr", {}, ...["名称 Name", "类型 Type", "必填 Need", "说明 Meaning"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, rows))),
  ];
}

function samples(content) {
  const found = [];
  for (const media of Object.values(content ?? {})) {
    if (media.example !== undefined) found.push(["", media.example]);
    for (const [name, given] of Object.entries(media.examples ?? {})) {
      const example = resolve(given);
      found.push([example.summary ?? name, example.value]);
    }
  }
  return found.map(([name, value]) => [
    name ? el("p", { class: "soft" }, name) : null,
    el("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2)),
  ]).flat();
}

function anchor(method, path) {
  return `${method}-${path.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;
}

function section(method, path, call) {
  const request = samples(resolve(call.requestBody).content);
  const answers = Object.entries(call.responses ?? {}).map(([status, given]) => {
    const response = resolve(given);
    return [el("h3", {}, `答复 Answer ${status}`), el("p", { class: "soft" }, response.description ?? ""), ...samples(response.content)];
  }).flat();
  return el("section", { class: "card", id: anchor(method, path) },
    el("h2", {}, el("span", { class: `method ${method}` }, method.toUpperCase()), " ", el("code", {}, path)),
    el("p", {}, call.summary ?? ""),
    call.description ? el("p", { class: "soft" }, call.description) : null,
    ...parameters(`${method.toUpperCase()} ${path}`, call),
    el("details", {}, el("summary", {}, "请求与答复示例 Samples"),
      request.length ? el("h3", {}, "请求 Request") : null,
      ...request,
      ...answers));
}

async function render() {
  const calls = document.getElementById("calls");
  const response = await fetch("openapi.json", { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`openapi.json: ${response.status}`);
  api = await response.json();
  const contents = document.getElementById("contents");
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths ?? {})) {
    for (const method of METHODS) {
      const call = methods[method];
      if (!call) continue;
      const tag = call.tags?.[0] ?? "";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([method, path, call]);
    }
  }
  calls.append(el("section", { class: "card" },
    el("h1", {}, api.info?.title ?? "API"),
    el("p", { class: "soft" }, `${api.info?.version ?? ""} · OpenAPI ${api.openapi ?? ""}`),
    el("p", {}, api.info?.description ?? "")));
  for (const [tag, list] of groups) {
    contents.append(el("li", {}, el("strong", {}, tag)));
    for (const [method, path, call] of list) {
      contents.append(el("li", {}, el("a", { href: `#${anchor(method, path)}` }, call.summary ?? path)));
      calls.append(section(method, path, call));
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

begin();
render().catch((error) => {
  document.getElementById("calls").append(el("div", { class: "card verdict bad" }, String(error.message)));
});
