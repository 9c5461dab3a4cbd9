// Acts that several must agree to, and the people who may.

import { both, el, t } from "./common.js";
import { digest, heading, look, moment, notice, order, pill, refusal, table } from "./console-call.js";

const COMMANDS = {
  add_app: ["新增应用", "Add an app"], set_app: ["变更应用", "Change an app"], rotate_key: ["更换 appKey", "New appKey"], purge_app: ["应用清库", "Purge an app"],
  revoke_certificate: ["吊销证书", "Revoke a certificate"], add_operator: ["新增操作员", "Add an operator"], remove_operator: ["移除操作员", "Remove an operator"],
  ceremony: ["密钥仪式", "Key ceremony"], revoke_authority: ["吊销本机证书", "Revoke a certificate of the appliance"],
  accept_channels: ["启用变更的通道", "Put changed channels in force"],
};
/** What the parts of a command are, in the order in which it has them. */
const PARTS = {
  revoke_certificate: ["app", "certificate", "reason"], set_app: ["app", "change"], rotate_key: ["app", "at_once"], purge_app: ["app"],
  add_app: ["app", "change"], remove_operator: ["name"], accept_channels: ["sha256"], ceremony: ["ceremony"],
};
const ROLES = { auditor: ["审计员", "Auditor"], operator: ["操作员", "Operator"], admin: ["管理员", "Admin"] };

export function role(name) {
  return t(...(ROLES[name] ?? [name, name]));
}

function named(command, what) {
  const parts = PARTS[command];
  if (!parts) return what;
  const values = Array.isArray(what) ? what : [what];
  return Object.fromEntries(values.map((value, n) => [parts[n] ?? n, value]));
}

function card(request, me, shell) {
  const [name, what] = typeof request.command === "string" ? [request.command, null] : Object.entries(request.command)[0];
  const [zh, en] = COMMANDS[name] ?? [name, name];
  const mine = request.by === me.name;
  const spoken = request.approvals.some((approval) => approval.operator === me.name);
  const ready = request.approvals.length >= request.needed;
  const act = (command, done) => async () => {
    try {
      const { done: answer } = await order(command);
      await shell.again();
      shell.say(done(answer));
    } catch (error) { shell.say(refusal(error)); }
  };
  const seats = Array.from({ length: request.needed }, (_, n) => request.approvals[n])
    .map((approval) => (approval ? el("span", { class: "seat taken" }, `✓ ${approval.operator}`) : el("span", { class: "seat" }, both("待批准", "open"))));
  return el("section", { class: "card request" },
    el("div", { class: "title" }, el("h2", {}, both(zh, en)), ready ? pill("up", "可以执行", "ready") : pill("waiting", "等待批准", "waiting")),
    el("dl", {},
      el("dt", {}, both("编号", "Request")), el("dd", { class: "mono" }, request.id),
      el("dt", {}, both("提出", "Asked by")), el("dd", {}, request.by, " · ", moment(request.at)),
      el("dt", {}, both("有效至", "Until")), el("dd", {}, moment(request.expires)),
      el("dt", {}, both("批准", "Approvals")), el("dd", { class: "seats" }, seats)),
    what === null ? null : el("pre", { tabindex: "0" }, JSON.stringify(named(name, what), null, 2)),
    el("div", { class: "actions" },
      me.mayApprove && !mine && !spoken ? el("button", { type: "button", class: "main", onclick: act({ approve: request.id }, () => notice("good", "已批准。", "Approved.")) }, both("批准", "Approve")) : null,
      mine && ready ? el("button", { type: "button", class: "main", onclick: act({ carry_out: request.id },
        (answer) => el("section", { class: "card verdict good" }, el("h2", {}, both("已执行", "Done")),
          el("p", {}, both("请立即保存下面的内容，不会再次显示。", "Keep what stands here: it is not shown again.")), el("pre", { tabindex: "0" }, JSON.stringify(answer, null, 2)))) }, both("执行", "Carry out")) : null,
      mine || me.mayApprove ? el("button", { type: "button", onclick: act({ withdraw: request.id }, () => notice("good", "已撤回。", "Withdrawn.")) }, mine ? both("撤回", "Take back") : both("否决", "Say no")) : null));
}

export async function show(main, shell) {
  const [me, { done: requests }, { done: operators }] = await Promise.all([look("whoami"), order("list_requests"), order("list_operators")]);
  shell.waits(requests.length);
  main.replaceChildren(heading("审批", "Approvals"),
    el("p", { class: "soft" }, me.approvals > 1
      ? both(`重要操作需要 ${me.approvals} 名管理员同意，每一步都记入审计日志。`, `Dangerous acts need ${me.approvals} admins; each step is in the audit log.`)
      : both("本设备设为单人操作（access.approvals = 1）。", "This appliance lets one admin act alone (access.approvals = 1).")),
    ...(requests.length === 0 ? [el("p", { class: "empty card" }, both("没有待审批的操作。", "Nothing waits for approval."))] : requests.map((request) => card(request, me, shell))),
    el("h2", {}, both("操作员", "Operators")),
    operators.length === 0
      ? el("p", { class: "empty" }, both("还没有操作员。", "No operators yet."))
      : table(t("操作员", "Operators"), [
        ["姓名", "Name", (operator) => operator.name], ["角色", "Role", (operator) => role(operator.role)],
        ["证书公钥", "Certificate key", (operator) => digest(operator.client)], ["加入", "Since", (operator) => moment(operator.added)],
      ], operators));
}
