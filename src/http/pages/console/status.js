// How every part is, and how much is done.

import { both, el, t } from "./common.js";
import { heading, look, pill } from "./console-call.js";
import { chart } from "./console-chart.js";

const WORDS = { up: ["正常", "Up"], warning: ["需关注", "Attention"], degraded: ["需关注", "Attention"], down: ["故障", "Down"] };

const NAMES = {
  audit: ["审计日志", "Audit log"], "audit-checkpoint": ["日志检查点", "Log checkpoints"], state: ["状态库", "State store"],
  clock: ["时钟", "Clock"], disk: ["磁盘", "Disk"], sandbox: ["沙箱", "Sandbox"], fonts: ["印章字体", "Seal fonts"], slots: ["工作槽位", "Worker slots"],
  "token-signer": ["签署密钥", "Signers' keys"], "token-ca": ["CA 密钥", "CA keys"], "token-tsa": ["时间戳密钥", "Time-stamping keys"],
  "token-audit": ["日志密钥", "Log key"], tls: ["TLS 证书", "TLS certificate"], certificates: ["CA 证书", "CA certificates"], memory: ["内存保护", "Memory"],
  channels: ["通道配置", "Channel configuration"], sms: ["短信", "SMS"], renewal: ["证书更新", "Certificate renewal"],
};

// What parts say of themselves, in Chinese; what is not among these stays as it is.
const PHRASES = [
  [/^(\d+) records$/, "$1 条记录"],
  [/^(\d+) of (\d+) workers/, "$2 个工作进程中 $1 个可用"],
  [/, confined/, "，已隔离"],
  [/, (\d+) calls waiting/, "，$1 个调用等待"],
  [/^(\d+) of (\d+) in use$/, "$2 个中 $1 个在用"],
  [/^(\d+) MiB free/, "剩余 $1 MiB"],
  [/^none yet$/, "尚无"],
  [/^(\d+) s old, over (\d+) records; /, "$1 秒前签署，覆盖 $2 条记录；"],
  [/not time-stamped yet/, "尚未加盖时间戳"],
  [/time-stamped (\d+) s ago over (\d+)/, "$1 秒前加盖时间戳，覆盖 $2 条"],
  [/(\d+) days until (\S+) ends/, "$2 还有 $1 天到期"],
  [/(\S+) ends in (\d+) days/, "$1 将在 $2 天后到期"],
  [/(\S+) ended (\d+) days ago/, "$1 已于 $2 天前到期"],
  [/^no round yet; the first comes (\d+) s after the start$/, "尚未执行；启动 $1 秒后首次执行"],
  [/files restricted \(Landlock: (\w+)\)/, "文件访问受限（Landlock：$1）"],
  [/, system calls restricted \(seccomp\)/, "，系统调用受限（seccomp）"],
  [/, no capabilities/, "，无特权"],
  [/^locked \((\d+) MiB\)/, "已锁定（$1 MiB）"],
  [/, no core dumps/, "，不留内存转储"],
];

function said(detail) {
  return both(PHRASES.reduce((text, [pattern, zh]) => text.replace(pattern, zh), detail), detail);
}

export function overall(word) {
  const [zh, en] = WORDS[word] ?? [word, word];
  return pill(word, zh, en);
}

function name(part) {
  const known = NAMES[part];
  if (known) return both(...known);
  const [family, ...rest] = part.split("-");
  const words = { ca: ["证书通道", "CA channel"], time: ["时间源", "Time source"], sms: ["短信通道", "SMS channel"], channel: ["通道", "Channel"] }[family];
  return words && rest.length ? both(`${words[0]} ${rest.join("-")}`, `${words[1]} ${rest.join("-")}`) : part;
}

function figure(zh, en, value) {
  return el("div", { class: "figure" }, el("dt", {}, both(zh, en)), el("dd", {}, value));
}

const order = { down: 0, warning: 1, up: 2 };

export async function show(main, shell) {
  const status = await look("status");
  shell.told(status);
  const last = status.history.at(-1) ?? { answered: 0, signed: 0 };
  const sum = (field) => status.history.reduce((all, sample) => all + sample[field], 0);
  const number = (value) => value.toLocaleString();
  const parts = [...status.parts].sort((a, b) => order[a.state] - order[b.state] || Number(b.vital) - Number(a.vital));
  main.replaceChildren(
    heading("状态", "Status", overall(status.word)),
    el("dl", { class: "figures" },
      figure("每秒签署", "Signatures a second", number(Math.round(last.signed) / 10)),
      figure("一小时内签署", "Signed in an hour", number(sum("signed"))),
      figure("一小时内请求", "Requests in an hour", number(sum("answered"))),
      figure("一小时内故障", "Faults in an hour", number(sum("failed"))),
      figure("应用", "Apps", number(status.apps)),
      figure("待审批", "Waiting for approval", number(status.requests))),
    el("section", { class: "card" },
      el("h2", {}, both("吞吐量（次/秒）", "Throughput (a second)")),
      chart(status.history),
      el("ul", { class: "legend" },
        el("li", {}, el("span", { "aria-hidden": "true" }), t("签署与时间戳", "signatures and time stamps")),
        el("li", { class: "answered" }, el("span", { "aria-hidden": "true" }), t("全部请求", "all requests")))),
    el("h2", {}, both("各部分", "Parts")),
    el("ul", { class: "parts" }, parts.map((part) => {
      const [zh, en] = WORDS[part.state] ?? [part.state, part.state];
      return el("li", { class: `part ${part.state}` },
        el("div", { class: "head" }, el("span", {}, name(part.name)), pill(part.state, zh, en)),
        part.detail ? el("p", { class: "soft" }, said(part.detail)) : null);
    })));
  return 5_000;
}
