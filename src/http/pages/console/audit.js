// The audit log: newest first, narrowed as wanted, each record with what proves it.

import { both, el, t } from "./common.js";
import { heading, look, moment, pill, table } from "./console-call.js";

const ACTS = {
  login: "登录", create_signer: "注册签署人", change_signer: "变更签署人", disable_signer: "停用签署人", generate_key: "生成密钥", destroy_key: "销毁密钥",
  issue_certificate: "签发证书", enroll_certificate: "申请证书", revoke_certificate: "吊销证书", issue_crl: "签发 CRL", issue_ocsp: "签发 OCSP",
  create_seal: "制作印章", revoke_seal: "注销印章", sign: "签署", stamp_document: "文件时间戳", issue_timestamp: "签发时间戳", send_code: "发送验证码",
  check_code: "校验验证码", deposit: "存证", read_evidence: "取证", validate: "验签", byte_sign: "数据签", change_app: "变更应用", change_operator: "变更操作员",
  approve: "审批", configure: "配置", lifecycle: "启停", ceremony: "密钥仪式", import: "导入", backup: "备份与恢复", refuse: "拒绝", checkpoint: "检查点", self_test: "自检",
};
const ENDINGS = {
  done: ["完成", "done"], failed: ["失败", "failed"], refused: ["拒绝", "refused"], voided: ["作废", "voided"], abandoned: ["放弃", "abandoned"], interrupted: ["中断", "interrupted"],
};
const PROOFS = {
  anchored: ["已加时间戳", "time-stamped"], covered: ["检查点已覆盖", "in a checkpoint"], waiting: ["待检查点", "awaits checkpoint"],
};
const KINDS = { intent: ["意图", "intent"], outcome: ["结果", "outcome"], event: ["事件", "event"], checkpoint: ["检查点", "checkpoint"] };

const wanted = { act: "", ending: "", app: "", value: "" };

const act = (row) => (row.act ? t(ACTS[row.act] ?? row.act, row.act) : t("检查点", "checkpoint"));
const proof = (row) => pill(row.proof, ...PROOFS[row.proof]);
const who = (actor) => (actor ? actor.operator ?? actor.app ?? actor.from ?? "–" : "–");

const columns = [
  ["序号", "Number", (row) => el("a", { href: `#audit/${row.number}` }, String(row.number))],
  ["时间", "Time", (row) => moment(row.at)],
  ["动作", "Act", act],
  ["类型", "Kind", (row) => t(...KINDS[row.kind])],
  ["结果", "Ending", (row) => (row.ending ? pill(row.ending, ...ENDINGS[row.ending]) : "–")],
  ["何人", "Who", (row) => who(row.actor)],
  ["证明", "Proof", proof],
];

function field(zh, en, control) {
  return el("label", {}, el("span", {}, both(zh, en)), control);
}

export async function show(main, shell, number) {
  if (number !== undefined) return one(main, number);
  const choose = (name, options) => el("select", { name }, el("option", { value: "" }, t("全部", "all")),
    options.map(([value, text]) => el("option", { value, selected: value === wanted[name] }, text)));
  const form = el("form", { class: "narrow", onsubmit: (event) => {
    event.preventDefault();
    for (const name of Object.keys(wanted)) wanted[name] = form.elements[name].value.trim();
    shell.again();
  } },
  field("动作", "Act", choose("act", Object.keys(ACTS).map((name) => [name, t(ACTS[name], name)]))),
  field("结果", "Ending", choose("ending", Object.entries(ENDINGS).map(([name, [zh, en]]) => [name, t(zh, en)]))),
  field("应用", "App", el("input", { name: "app", value: wanted.app, autocomplete: "off" })),
  field("摘要、编号或序列号", "Digest, id or serial", el("input", { name: "value", value: wanted.value, autocomplete: "off" })),
  el("button", { type: "submit", class: "main" }, both("查找", "Search")));
  const rows = [];
  let next;
  const body = el("div", {});
  const more = el("div", { class: "more" });
  const told = el("p", { class: "soft" });
  const page = async () => {
    const found = await look("audit", { ...wanted, before: next });
    rows.push(...found.records);
    next = found.next;
    told.replaceChildren(...both(`共 ${found.size} 条；检查点覆盖 ${found.covered} 条，其中 ${found.anchored} 条已加时间戳。`,
      `${found.size} records; checkpoints cover ${found.covered}, time stamps ${found.anchored} of them.`));
    body.replaceChildren(rows.length === 0
      ? el("p", { class: "empty" }, next === null ? both("没有符合的记录。", "No record fits.") : both("较新的记录中没有符合的。", "None among the newer records."))
      : table(t("审计记录", "Audit records"), columns, rows));
    more.replaceChildren(...(next === null ? [] : [el("button", { type: "button", onclick: () => shell.guard(page) }, both("更早的", "Earlier ones"))]));
  };
  await page();
  main.replaceChildren(heading("审计", "Audit log"), form, told, body, more);
}

async function one(main, number) {
  const found = await look(`audit/${encodeURIComponent(number)}`);
  const { record } = found;
  const save = el("a", { class: "button", download: `hufu-record-${record.number}.json`,
    href: URL.createObjectURL(new Blob([JSON.stringify(found, null, 2)], { type: "application/json" })) }, both("下载证明", "Download the proof"));
  const row = (zh, en, ...value) => [el("dt", {}, both(zh, en)), el("dd", {}, ...value)];
  main.replaceChildren(
    heading(`审计记录 ${record.number}`, `Audit record ${record.number}`, el("a", { href: "#audit" }, both("返回列表", "Back to the list"))),
    el("section", { class: `card verdict ${found.holds ? "good" : "bad"}` },
      el("h2", {}, found.holds ? both("证明成立", "The proof holds") : both("证明不成立", "The proof does not hold")),
      el("p", {}, found.holds
        ? both(`该记录位于一棵 ${found.size} 条记录的 Merkle 树中，树根由审计密钥签署${found.anchor ? "并加盖了时间戳" : ""}。`,
          `The record is in a Merkle tree of ${found.size} records whose root the log's key has signed${found.anchor ? " and a time stamp covers" : ""}.`)
        : found.why),
      save),
    el("section", { class: "card proof" }, el("dl", {},
      row("时间", "Time", moment(record.at)), row("动作", "Act", act(record)), row("类型", "Kind", t(...KINDS[record.kind])),
      row("结果", "Ending", record.ending ? pill(record.ending, ...ENDINGS[record.ending]) : "–"),
      row("何人", "Who", who(record.actor)), row("来自", "From", record.actor?.from ?? "–"),
      row("请求", "Request", el("span", { class: "mono" }, record.request)),
      row("叶哈希", "Leaf hash", el("span", { class: "mono" }, found.leaf)))),
    el("section", { class: "card" }, el("h2", {}, both("事实", "Facts")), el("pre", { tabindex: "0" }, JSON.stringify(record.facts, null, 2))),
    el("details", { class: "card" }, el("summary", {}, both("检查点", "Checkpoint")), el("pre", { tabindex: "0" }, `${found.checkpoint}\n${found.key}`)));
}
