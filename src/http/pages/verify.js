// The verify page: sends the file, tells the verdict in plain words, shows the pages of each revision.

import { begin, both, el, t, when } from "./common.js";
import { compareRevision, compareWithNow, showPages } from "./revisions.js";

const state = document.getElementById("state");
const place = document.getElementById("report");

/** The file and what was said about it; rendered anew when the language changes. */
let shown = null;

/** Attacks in words for people who do not read papers. */
const ATTACKS = {
  universal_forgery: ["签名本身被伪造（USF）", "the signature itself is forged (USF)"],
  wrapping: ["已签内容被移走并替换（SWA）", "the signed content was moved away and replaced (SWA)"],
  incremental_saving: ["签署后追加了内容（ISA）", "content was appended after signing (ISA)"],
  incremental_saving_without_xref: ["签署后追加了隐藏内容（ISA）", "hidden content was appended after signing (ISA)"],
  incremental_saving_without_trailer: ["签署后追加了隐藏内容（ISA）", "hidden content was appended after signing (ISA)"],
  shadow_hide: ["签署时可见的内容被隐藏（影子攻击）", "content that was shown at signing is hidden now (shadow attack)"],
  shadow_replace: ["内容被预先准备的内容替换（影子攻击）", "content was replaced by something prepared (shadow attack)"],
  shadow_hide_and_replace: ["预先藏入的另一份文件被启用（影子攻击）", "a prepared second document was activated (shadow attack)"],
  evil_annotation: ["批注遮盖了已认证的内容（EAA）", "an annotation covers certified content (EAA)"],
  sneaky_signature: ["签名外观遮盖了已认证的内容（SSA）", "a signature's appearance covers certified content (SSA)"],
  field_overlay: ["可见的表单域遮盖了内容", "a visible field covers the content"],
  font_swap: ["字体被替换", "a font was replaced"],
  resource_swap: ["图片或资源被替换", "an image or resource was replaced"],
  optional_content_swap: ["图层被切换", "layers were switched"],
  page_added: ["增加了页面", "pages were added"],
  page_removed: ["删除了页面", "pages were removed"],
  page_reordered: ["页面顺序被改变", "pages were put in another order"],
  signature_rewritten: ["签名的说明文字被改写", "entries of a signature were rewritten"],
  dss_removed: ["验证资料被删除", "validation data was removed"],
};

const KINDS = {
  approval: ["签名", "Signature"],
  certification: ["认证签名", "Certification signature"],
  document_timestamp: ["文档时间戳", "Document time stamp"],
};

const SOURCES = {
  timestamp: ["可信时间戳", "proven by a time stamp"],
  signing_time_attribute: ["签署人自述", "claimed by the signer"],
  dictionary_m: ["签署人自述", "claimed by the signer"],
};

function say(kind, zh, en) {
  state.replaceChildren(el("div", { class: `card verdict ${kind}` }, ...both(zh, en)));
}

/** Good, doubtful or bad, with the sentence that says why. */
function verdict(s) {
  if (!s.digest_ok || !s.signature_ok) {
    return ["bad", "签名无效：文件内容与签署时不一致，或签名已损坏。", "Invalid: the content is not what was signed, or the signature is damaged."];
  }
  if (!s.valid_modify) {
    return ["bad", "签署后文件被修改。请不要信任当前内容。", "The file was modified after this signature. Do not trust what it shows now."];
  }
  if (s.indication === "TOTAL-PASSED") {
    return ["good", "签名有效，签署后文件未被修改，签署人证书可信。", "Valid: not modified since, and the signer's certificate is trusted."];
  }
  if (s.trusted) {
    return ["doubt", "签署后文件未被修改，但证书状态无法完全确认。", "Not modified since, but the certificate's standing cannot be fully confirmed."];
  }
  return ["doubt", "签署后文件未被修改，但签署人证书不受此系统信任。", "Not modified since, but this system does not trust the signer's certificate."];
}

function summary(report) {
  const signatures = report.signatures;
  if (signatures.length === 0) return ["doubt", "此文件没有签名。", "This file has no signature."];
  const kinds = signatures.map((s) => verdict(s)[0]);
  const count = signatures.length;
  if (kinds.includes("bad")) return ["bad", `共 ${count} 个签名，其中有无效的或签署后被修改的。`, `${count} signature(s); at least one is invalid or was followed by a modification.`];
  if (kinds.includes("doubt")) return ["doubt", `共 ${count} 个签名，均未被修改，但有证书未获确认。`, `${count} signature(s); none was followed by a modification, but not every certificate is confirmed.`];
  return ["good", `共 ${count} 个签名，全部有效且未被修改。`, `${count} signature(s); all valid, nothing modified.`];
}

function rows(pairs) {
  return el("table", { class: "facts" }, el("tbody", {}, pairs
    .filter(([, , value]) => value !== null && value !== undefined && value !== "")
    .map(([zh, en, value]) => el("tr", {}, el("th", { scope: "row" }, ...both(zh, en)), el("td", {}, value)))));
}

function details(zh, en, open, ...content) {
  return el("details", { open }, el("summary", {}, ...both(zh, en)), ...content);
}

function chain(certificates) {
  return el("ol", {}, certificates.map((c) => el("li", {},
    el("div", {}, c.subject),
    el("div", { class: "soft" }, ...both(
      `签发者 ${c.issuer}；有效期 ${when(c.not_before)} 至 ${when(c.not_after)}；序列号 ${c.serial}`,
      `issued by ${c.issuer}; valid ${when(c.not_before)} to ${when(c.not_after)}; serial ${c.serial}`)),
    revocation(c.revocation))));
}

const STANDINGS = {
  good: ["good-text", "未被吊销", "not revoked"],
  revoked: ["bad-text", "已被吊销", "revoked"],
  revoked_later: ["doubt-text", "签署之后被吊销", "revoked after signing"],
  unknown: ["soft", "吊销状态未知", "revocation not known"],
};

/** Whether a certificate was revoked, and who says so. */
function revocation(known) {
  if (!known) return null;
  const [style, zh, en] = STANDINGS[known.status] ?? STANDINGS.unknown;
  const outside = known.origin?.outside;
  const origin = outside ? [`查询自 ${outside}`, `from ${outside}`]
    : { security_store: ["文件内的验证资料", "the file's validation data"], signature: ["签名内的资料", "data inside the signature"] }[known.origin];
  return el("div", { class: style }, ...both(`${zh}${origin ? `（${origin[0]}）` : ""}`, `${en}${origin ? ` (${origin[1]})` : ""}`));
}

const WEIGHT = { failure: ["bad-text", "失败", "failure"], warning: ["doubt-text", "注意", "warning"], info: ["soft", "信息", "note"] };

function attackName(attack) {
  return attack ? t(...(ATTACKS[attack] ?? [attack, attack])) : null;
}

function findings(list) {
  if (list.length === 0) return null;
  return details("检查结果明细", "Findings", list.some((f) => f.severity === "failure"), el("ul", {}, list.map((f) => {
    const [style, zh, en] = WEIGHT[f.severity] ?? WEIGHT.info;
    const attack = attackName(f.attack);
    return el("li", {}, el("strong", { class: style }, ...both(zh, en)), ` ${f.detail}`, attack ? el("span", { class: "tag" }, attack) : null);
  })));
}

function changes(list, zh, en, label) {
  if (list.length === 0) return null;
  const forbidden = list.filter((c) => c.permission === "forbidden");
  const items = [...forbidden, ...list.filter((c) => c.permission !== "forbidden")].slice(0, 200);
  return details(`${zh}（${list.length} 处，${forbidden.length} 处不被允许）`,
    `${en} (${list.length}, of which ${forbidden.length} not permitted)`, forbidden.length > 0,
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, el("table", {},
      el("thead", {}, el("tr", {}, ...[["", ""], ["页", "Page"], ["位置", "Where"], ["说明", "Reason"]].map(([zh, en]) => el(zh ? "th" : "td", zh ? { scope: "col" } : {}, ...both(zh, en))))),
      el("tbody", {}, items.map((c) => el("tr", {},
        el("td", {}, c.permission === "forbidden"
          ? el("strong", { class: "bad-text" }, ...both("不允许", "forbidden"))
          : el("span", { class: "good-text" }, ...both("允许", "permitted"))),
        el("td", {}, c.page ? String(c.page) : ""),
        el("td", {}, el("code", {}, c.path)),
        el("td", {}, c.reason, c.attack ? el("span", { class: "tag" }, attackName(c.attack)) : null)))))));
}

function signatureCard(signature, number, file, report) {
  const [kind, zh, en] = verdict(signature);
  const [kindZh, kindEn] = KINDS[signature.kind] ?? KINDS.approval;
  const date = signature.sign_date;
  const unproven = date?.source === "timestamp" && !signature.timestamp?.verified;
  const source = unproven ? ["时间戳未能验证", "time stamp not verified"] : SOURCES[date?.source] ?? ["", ""];
  const pages = [...new Set(signature.places.map((p) => p.page).filter(Boolean))];
  const certificate = signature.chain[0];
  const compared = el("div", {});
  const signedEnd = report.revisions[signature.revision]?.end;
  const later = !signature.covers_whole_file && signedEnd !== undefined;
  return el("section", { class: `card verdict ${kind}`, "aria-label": `${kindEn} ${number}` },
    el("h2", {}, `${number}. `, ...both(`${kindZh}：${signature.sign_name}`, `${kindEn}: ${signature.sign_name}`)),
    el("p", {}, el("strong", {}, ...both(zh, en))),
    rows([
      ["签署时间", "Signed", date ? when(date.time) + t(`（${source[0]}）`, ` (${source[1]})`) : t("未知", "unknown")],
      ["证书", "Certificate", certificate ? certificate.subject : t("缺失", "missing")],
      ["时间戳", "Time stamp", signature.timestamp ? `${when(signature.timestamp.time)} ${signature.timestamp.verified ? t("已验证", "verified") : t("未能验证", "not verified")}` : null],
      ["所在页", "On pages", pages.length ? pages.join(", ") : t("不可见", "invisible")],
      ["算法", "Algorithms", [signature.signature_algorithm, signature.digest_algorithm].filter(Boolean).join(" · ")],
      ["理由", "Reason", signature.reason],
      ["地点", "Location", signature.location],
      ["结论代码", "Status", [signature.indication, signature.sub_indication].filter(Boolean).join(" / ")],
    ]),
    later ? comparison("比较签署时与现在", "Compare then and now", () => compareWithNow(file, signedEnd, compared, changedPages(signature.changes))) : null,
    compared,
    changes(signature.changes, "签署后的改动", "Changes since", t(`签名 ${number} 之后的改动`, `Changes since signature ${number}`)),
    details("证书链", "Certificate chain", false, chain(signature.chain)),
    signature.timestamp?.chain?.length ? details("时间戳证书链", "Time-stamp chain", false, chain(signature.timestamp.chain)) : null,
    findings(signature.findings));
}

/** A button that compares once it is pressed, and cannot be pressed meanwhile. */
function comparison(zh, en, compare) {
  return el("p", {}, el("button", { type: "button", onclick: async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    await compare();
    button.disabled = false;
  } }, ...both(zh, en)));
}

function changedPages(list) {
  return [...new Set(list.filter((c) => c.permission === "forbidden").map((c) => c.page).filter(Boolean))];
}

/** Every revision behind the first signed one: who signed it, what it changed, how it looked before and after. */
function revisions(report, file) {
  if (report.signatures.length === 0) return null;
  const first = Math.min(...report.signatures.map((s) => s.revision));
  const later = report.revisions.map((revision, n) => ({ revision, n })).filter(({ n }) => n > first);
  if (later.length === 0) return null;
  return el("section", { class: "card", "aria-label": t("修订", "Revisions") },
    el("h2", {}, ...both("签署之后的修订", "Revisions after the first signature")),
    later.map(({ revision, n }) => {
      const signers = report.signatures.map((s, i) => ({ s, i })).filter(({ s }) => s.revision === n).map(({ s, i }) => `${i + 1}. ${s.sign_name}`);
      const forbidden = revision.changes.some((c) => c.permission === "forbidden");
      const compared = el("div", {});
      return el("div", { class: "revision" },
        el("h3", { class: forbidden ? "bad-text" : "" }, ...both(`修订 ${n + 1}`, `Revision ${n + 1}`), signers.length ? `: ${signers.join(", ")}` : ""),
        el("p", { class: "soft" }, ...both(`字节 ${revision.start}–${revision.end}`, `bytes ${revision.start}–${revision.end}`)),
        comparison("比较此修订前后", "Compare before and after", () => compareRevision(file, report.revisions[n - 1].end, revision.end, compared, changedPages(revision.changes))),
        compared,
        changes(revision.changes, "此修订的改动", "What it changed", t(`修订 ${n + 1} 的改动`, `Changes of revision ${n + 1}`)));
    }));
}

function download(report, name) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
  const link = el("a", { href: url, download: `${name.replace(/\.pdf$/i, "")}-report.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function render() {
  if (!shown) return;
  const { file, report } = shown;
  const [kind, zh, en] = summary(report);
  say(kind, zh, en);
  const pages = el("div", { class: "pages" });
  place.replaceChildren(
    el("section", { class: "card" },
      rows([
        ["文件", "File", file.name],
        ["大小", "Size", `${report.length.toLocaleString()} B`],
        ["SHA-256", "SHA-256", el("code", {}, report.sha256)],
        ["修订", "Revisions", String(report.revisions.length)],
      ]),
      findings(report.findings),
      el("p", {}, el("button", { type: "button", onclick: () => download(report, file.name) }, ...both("下载报告", "Download the report")))),
    ...report.signatures.map((signature, i) => signatureCard(signature, i + 1, file, report)),
    ...[revisions(report, file)].filter(Boolean),
    el("section", { class: "card" }, el("h2", {}, ...both("页面", "Pages")), pages));
  showPages(file, pages, report.signatures);
}

async function check(file) {
  shown = null;
  place.replaceChildren();
  say("", "正在检查……", "Checking…");
  try {
    const response = await fetch("verify", { method: "POST", headers: { "Content-Type": "application/pdf" }, body: file });
    const answer = await response.json();
    if (answer.code !== 200) {
      say("bad", `未能检查：${answer.msg}`, `Not checked: ${answer.msg}`);
      return;
    }
    shown = { file, report: answer.data };
    render();
  } catch {
    say("bad", "网络不通，或文件过大。", "No connection, or the file is too large.");
  }
}

const drop = document.getElementById("drop");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.remove("over"); });
}
drop.addEventListener("drop", (event) => {
  const [file] = event.dataTransfer.files;
  if (file) check(file);
});
document.getElementById("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) check(file);
});
document.addEventListener("language", render);
begin();
