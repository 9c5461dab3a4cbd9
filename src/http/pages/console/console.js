// The console's shell: who looks, which view, and when it is drawn again.

import { begin, both, el } from "./common.js";
import { role, show as approvals } from "./console-approvals.js";
import { show as audit } from "./console-audit.js";
import { look, notice, refusal } from "./console-call.js";
import { apps, kinds, show as rows } from "./console-rows.js";
import { overall, show as status } from "./console-status.js";

const VIEWS = [
  ["status", "状态", "Status", status],
  ["approvals", "审批", "Approvals", approvals],
  ["apps", "应用", "Apps", apps],
  ...kinds.map(([kind, zh, en]) => [kind, zh, en, (main, shell) => rows(main, shell, kind)]),
  ["audit", "审计", "Audit log", audit],
];

const main = document.getElementById("main");
const nav = document.getElementById("views");
let drawn = 0;
let timer;
let waiting = 0;
let me = null;

function links(current) {
  nav.replaceChildren(...VIEWS.map(([name, zh, en]) => el("a", { href: `#${name}`, "aria-current": name === current ? "page" : undefined },
    el("span", {}, both(zh, en)), name === "approvals" && waiting > 0 ? el("span", { class: "count" }, String(waiting)) : null)));
}

/** What views may ask of the shell. */
const shell = {
  again: () => draw(false),
  told: (state) => {
    document.getElementById("overall").replaceWith(Object.assign(overall(state.word), { id: "overall" }));
    shell.waits(state.requests);
  },
  /** So many requests wait for approval. */
  waits: (count) => { if (waiting !== count) { waiting = count; links(here()[0]); } },
  /** Whether this operator may do more than look. */
  mayAct: () => me !== null && me.role !== "auditor",
  /** Says something above the view. */
  say: (node) => { document.getElementById("said").replaceChildren(node); },
  guard: async (act) => { try { await act(); } catch (error) { shell.say(refusal(error)); } },
};

function here() {
  const [name, part] = decodeURIComponent(location.hash.slice(1)).split("/");
  return VIEWS.some(([known]) => known === name) ? [name, part] : ["status", undefined];
}

function stranger(error) {
  nav.hidden = true;
  main.replaceChildren(error.status === 403
    ? el("section", { class: "card" },
      el("h1", {}, both("没有操作员证书", "No operator's certificate")),
      el("p", {}, both("浏览器没有出示操作员的客户端证书。请导入证书后重新打开浏览器；管理员在设备上用 hufu operator add 登记证书。",
        "Your browser did not show an operator's client certificate. Import it and start the browser again; certificates are enrolled with hufu operator add.")))
    : refusal(error));
}

async function draw(moved) {
  const turn = ++drawn;
  clearTimeout(timer);
  const [name, part] = here();
  const view = VIEWS.find(([known]) => known === name);
  links(name);
  const scratch = document.createElement("div");
  let pause;
  try {
    pause = await view[3](scratch, shell, part);
  } catch (error) {
    if (turn !== drawn) return;
    if (error.status === 403) { stranger(error); return; }
    scratch.replaceChildren(refusal(error), notice("", "稍后会自动重试。", "It is tried again soon."));
    pause = 5_000;
  }
  // Another view has been chosen meanwhile.
  if (turn !== drawn) return;
  main.replaceChildren(...scratch.childNodes);
  main.dataset.view = name;
  if (moved) { document.getElementById("said").replaceChildren(); main.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  if (pause) timer = setTimeout(() => draw(false), pause);
}

function person() {
  if (me) document.getElementById("who").replaceChildren(`${me.name} · ${role(me.role)}`);
}

begin();
links(here()[0]);
try {
  me = await look("whoami");
  person();
  shell.told(await look("status"));
  await draw(false);
  window.addEventListener("hashchange", () => draw(true));
  document.addEventListener("language", () => { person(); draw(false); });
} catch (error) {
  stranger(error);
}
