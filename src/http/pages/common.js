// Shared by the built-in pages: language, and building elements without ever parsing a string as HTML.

const KEY = "hufu.language";

function stored() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

export function language() {
  return document.documentElement.lang === "en" ? "en" : "zh-CN";
}

/** The text of the present language. */
export function t(zh, en) {
  return language() === "en" ? en : zh;
}

function use(lang) {
  document.documentElement.lang = lang;
  const title = document.querySelector("title");
  if (title && title.dataset.zh) title.textContent = lang === "en" ? title.dataset.en : title.dataset.zh;
  document.dispatchEvent(new CustomEvent("language"));
}

/** Chooses the language and makes the switch of the page work. */
export function begin() {
  const wanted = stored() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en");
  use(wanted === "en" ? "en" : "zh-CN");
  document.getElementById("language")?.addEventListener("click", () => {
    const next = language() === "en" ? "zh-CN" : "en";
    try { localStorage.setItem(KEY, next); } catch { /* the choice lasts for this page */ }
    use(next);
  });
}

/** An element with properties and children; strings become text. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Two spans of which the style shows the one of the present language. */
export function both(zh, en) {
  return [el("span", { lang: "zh-CN" }, zh), el("span", { lang: "en" }, en)];
}

/** Date and time in the reader's own form, with the zone. */
export function when(millis) {
  return new Date(millis).toLocaleString(language(), { dateStyle: "medium", timeStyle: "long" });
}
