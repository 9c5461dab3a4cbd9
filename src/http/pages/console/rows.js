// Apps, and an app's signers, certificates, seals, signatures, time stamps and deposits.

import { both, el, t } from "./common.js";
import { digest, heading, look, moment, notice, order, pill, refusal, table } from "./console-call.js";

const PAGE = 50;
const chosen = { app: null, kind: null };

const record = (row) => (row.record === null || row.record === undefined ? "–" : el("a", { href: `#audit/${row.record}` }, String(row.record)));
const id = ["编号", "Id", (row) => String(row.id)];
const signer = ["签署人", "Signer", (row) => String(row.signer ?? "–")];
const at = ["时间", "Time", (row) => moment(row.at)];
const document_ = ["原文件 SHA-256", "Document SHA-256", (row) => digest(row.document)];

const KINDS = {
  signers: ["签署人", "Signers", [
    id, ["类型", "Kind", (row) => (row.kind === "person" ? t("个人", "Person") : t("企业", "Company"))], ["名称", "Name", (row) => row.name],
    ["证件号", "Number", (row) => row.number], ["手机", "Phone", (row) => row.phone ?? "–"],
    ["证书", "Certificate", (row) => (row.certificates === "long" ? t("长期", "long-term") : t("场景", "scene"))], ["注册", "Registered", (row) => moment(row.created)]]],
  certificates: ["证书", "Certificates", [
    id, signer, ["通道", "Channel", (row) => row.channel], ["模板", "Profile", (row) => row.profile],
    ["状态", "Standing", (row) => pill(row.standing, ...({ active: ["有效", "active"], pending: ["待签发", "pending"], revoked: ["已吊销", "revoked"] }[row.standing]))],
    ["起", "From", (row) => moment(row.not_before)], ["止", "Until", (row) => moment(row.not_after)]]],
  seals: ["印章", "Seals", [
    id, signer, ["来源", "Origin", (row) => row.origin], ["制作", "Made", (row) => moment(row.created)],
    ["状态", "Standing", (row) => (row.revoked ? pill("revoked", "已注销", "revoked") : pill("active", "有效", "active"))], ["审计", "Record", record]]],
  signatures: ["签名", "Signatures", [
    id, at, signer, ["印章", "Seal", (row) => String(row.seal ?? "–")], ["级别", "Level", (row) => String(row.level ?? "–").toUpperCase()],
    ["位置数", "Places", (row) => String(row.places ?? "–")], document_, ["签后 SHA-256", "Output SHA-256", (row) => digest(row.output)], ["审计", "Record", record]]],
  stamps: ["时间戳", "Time stamps", [id, at, document_, ["输出 SHA-256", "Output SHA-256", (row) => digest(row.output)]]],
  deposits: ["存证", "Evidence", [
    id, at, document_, ["大小", "Size", (row) => (row.size === undefined ? "–" : `${row.size.toLocaleString()} B`)],
    ["时间戳", "Time-stamped", (row) => (row.stamped ? t("有", "yes") : t("无", "no"))], ["存档", "Archived", (row) => (row.archived ? t("有", "yes") : t("无", "no"))],
    ["审计", "Record", record]]],
};

/** Gives a command at a button and says what became of it. */
function button(shell, zh, en, question, command) {
  return el("button", { type: "button", class: "link", onclick: async () => {
    if (!window.confirm(t(...question))) return;
    let said;
    try {
      const { waits } = await order(command);
      said = waits
        ? notice("", `已提交审批，编号 ${waits.id}。`, `It waits for approval as request ${waits.id}.`)
        : notice("good", "已完成。", "Done.");
    } catch (error) { said = refusal(error); }
    await shell.again();
    shell.say(said);
  } }, both(zh, en));
}

const ACTIONS = {
  certificates: (shell) => ["操作", "Action", (row) => (row.standing === "revoked" ? "–" : button(shell, "吊销", "Revoke",
    [`吊销证书 ${row.id}？该操作不可撤销。`, `Revoke certificate ${row.id}? This cannot be undone.`], { revoke_certificate: [chosen.app, row.id, "unspecified"] }))],
};

export const kinds = Object.entries(KINDS).map(([kind, [zh, en]]) => [kind, zh, en]);

export async function apps(main, shell) {
  const { done } = await order("list_apps");
  main.replaceChildren(heading("应用", "Apps"), done.length === 0
    ? el("p", { class: "empty" }, both("还没有应用。在设备上执行 hufu app add。", "No app yet: hufu app add."))
    : table(t("应用", "Apps"), [
      ["appId", "appId", (app) => el("span", { class: "mono" }, app.id)],
      ["名称", "Name", (app) => app.name],
      ["类型", "Kind", (app) => (app.kind === "production" ? t("正式", "Production") : t("测试", "Test"))],
      ["状态", "State", (app) => (app.disabled ? pill("down", "停用", "disabled") : app.online ? pill("up", "在线", "online") : pill("warning", "未上线", "not online"))],
      ["客户端证书", "Client certificates", (app) => (app.clients.length === 0 ? pill("warning", "未绑定", "not pinned") : String(app.clients.length))],
      ["文档目录", "Roots", (app) => app.roots.join(", ") || "–"],
      ["级别", "Level", (app) => (app.level ?? t("默认", "default")).toUpperCase()],
      ["创建", "Added", (app) => moment(app.created)],
      ...(shell.mayAct() ? [["操作", "Action", (app) => (app.disabled
        ? button(shell, "启用", "Enable", [`启用应用 ${app.name}？`, `Enable app ${app.name}?`], { set_app: [app.id, { disabled: false }] })
        : button(shell, "停用", "Disable", [`停用应用 ${app.name}？它的令牌立即失效。`, `Disable app ${app.name}? Its tokens end at once.`], { set_app: [app.id, { disabled: true }] }))]] : []),
    ], done));
}

export async function show(main, shell, kind) {
  const [zh, en, shown] = KINDS[kind];
  const columns = shell.mayAct() && ACTIONS[kind] ? [...shown, ACTIONS[kind](shell)] : shown;
  const { done: list } = await order("list_apps");
  if (list.length === 0) {
    main.replaceChildren(heading(zh, en), el("p", { class: "empty" }, both("还没有应用。", "No app yet.")));
    return;
  }
  if (!list.some((app) => app.id === chosen.app)) chosen.app = list[0].id;
  chosen.kind = kind;
  const select = el("select", { onchange: (event) => { chosen.app = event.target.value; shell.again(); } },
    list.map((app) => el("option", { value: app.id, selected: app.id === chosen.app }, `${app.name} (${app.id})`)));
  const rows = [];
  const body = el("div", {});
  const more = el("div", { class: "more" });
  const page = async () => {
    const before = rows.at(-1)?.id;
    const found = (await look(`rows/${kind}`, { app: chosen.app, before, limit: PAGE })).rows;
    rows.push(...found);
    body.replaceChildren(rows.length === 0
      ? el("p", { class: "empty" }, both("没有记录。", "Nothing here yet."))
      : table(t(zh, en), columns, rows));
    more.replaceChildren(...(found.length < PAGE ? [] : [el("button", { type: "button", onclick: () => shell.guard(page) }, both("更早的", "Earlier ones"))]));
  };
  await page();
  main.replaceChildren(heading(zh, en),
    el("form", { class: "narrow" }, el("label", {}, el("span", {}, both("应用", "App")), select)), body, more);
}
