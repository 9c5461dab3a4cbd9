import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, person, sign } from "./appliance.mjs";
import { desktop, operator, phone, quit, visit } from "./browser.mjs";

after(quit);

const CONSOLE = "console/";
const REFUSED = /403/;

/** A view, by its link. */
async function open(page, name) {
  await page.locator("#views").getByRole("link", { name }).click();
  await page.locator("#main h1", { hasText: name }).waitFor();
}

/** Chooses the app that these tests call as. */
async function own(page) {
  await page.locator("form.narrow select").selectOption(process.env.HUFU_APP_ID);
}

async function fits(page) {
  const [shown, wide] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(wide <= shown, `${wide} > ${shown}`);
}

test("without an operator's certificate the console says what is missing and shows nothing", async () => {
  await visit("console-stranger", desktop, CONSOLE, async (page) => {
    await page.getByRole("heading", { name: "没有操作员证书" }).waitFor();
    assert.equal(await page.locator(".part").count(), 0);
  }, REFUSED);
});

test("an operator sees how every part is, and the throughput", async () => {
  const signer = await person("钱多多", "110101199003070097");
  const { moulageId } = await call("/moulage/person", { signerId: signer });
  let signed = 0;
  const more = async (count) => {
    for (const end = signed + count; signed < end; signed += 1) await sign(signer, moulageId, `console-${signed}`, "1,100,100");
  };
  await more(3);
  await visit("console-status", operator(desktop, "anna"), CONSOLE, async (page) => {
    await page.locator(".part").first().waitFor();
    const parts = await page.locator(".part .head").allTextContents();
    for (const part of ["审计日志", "签署密钥", "磁盘", "时钟", "沙箱"]) assert.ok(parts.some((shown) => shown.includes(part)), part);
    assert.ok(await page.locator("svg.chart").isVisible());
    // The chart has a step for every ten seconds; signing goes on, with more and with fewer, until there are some.
    const begun = Date.now();
    for (let steps = 0; steps < 5;) {
      await more(steps % 2 === 0 ? 1 : 4);
      steps = await page.evaluate(() => document.querySelectorAll("path.signed")[0]?.getAttribute("d").split("H").length - 1 || 0);
      assert.ok(Date.now() < begun + 180_000, `${steps} steps`);
    }
    assert.ok(Number((await page.locator(".figure dd").nth(1).textContent()).replaceAll(",", "")) >= 3);
    assert.match(await page.locator("#who").textContent(), /anna · 管理员/);
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Status" }).waitFor();
    await page.getByRole("button", { name: "中文" }).click();
    await page.getByRole("heading", { name: "状态" }).waitFor();
  });
});

test("the console fits a phone", async () => {
  await visit("console-phone", { ...operator(phone, "anna"), whole: true }, CONSOLE, async (page) => {
    await page.locator(".part").first().waitFor();
    await fits(page);
    const letters = await page.locator("svg.chart text").evaluateAll((all) => Math.min(...all.map((text) => text.getBoundingClientRect().height)));
    assert.ok(letters >= 10, `the chart's letters are ${letters} px high`);
  });
  await visit("console-phone-audit", operator(phone, "anna"), `${CONSOLE}#audit`, async (page) => {
    await page.locator(".rows tr").nth(5).waitFor();
    await fits(page);
    const box = await page.locator("#views [aria-current]").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= phone.viewport.width, "the view that is shown is in sight among the views");
  });
});

test("signers, certificates, seals and signatures of an app, without what identifies a person", async () => {
  await visit("console-signers", operator(desktop, "anna"), `${CONSOLE}#signers`, async (page) => {
    await own(page);
    await page.locator(".rows tbody tr").first().waitFor();
    const text = await page.locator("#main").textContent();
    assert.ok(text.includes("钱＊＊") && !text.includes("钱多多") && !text.includes("110101199003070097"));
    for (const view of ["证书", "印章", "签名", "时间戳", "存证", "应用"]) await open(page, view);
    await open(page, "签名");
    await page.locator(".rows tbody tr").nth(2).waitFor();
  });
});

test("the audit log is searched, and a record's proof is checked", async () => {
  await visit("console-audit", operator(desktop, "anna"), `${CONSOLE}#audit`, async (page) => {
    await page.locator(".rows tbody tr").first().waitFor();
    await page.locator("select[name=act]").selectOption("sign");
    await page.getByRole("button", { name: "查找" }).click();
    await page.waitForFunction(() => [...document.querySelectorAll(".rows tbody tr td:nth-child(3)")].every((cell) => cell.textContent === "签署"));
    const { length } = await page.locator(".rows tbody tr").all();
    assert.ok(length >= 6, `${length} records: an intent and an outcome for each signature`);
    assert.equal(await page.locator("select[name=act]").inputValue(), "sign");
  });
  await visit("console-proof", operator(desktop, "anna"), `${CONSOLE}#audit/3`, async (page) => {
    await page.getByRole("heading", { name: "证明成立" }).waitFor();
    assert.ok(await page.getByRole("link", { name: "下载证明" }).isVisible());
  });
});

test("what is dangerous waits until another admin agrees", async () => {
  await visit("console-asked", operator(desktop, "anna"), `${CONSOLE}#certificates`, async (page) => {
    page.on("dialog", (dialog) => dialog.accept());
    await own(page);
    await page.getByRole("button", { name: "吊销" }).first().click();
    await page.getByText("已提交审批").waitFor();
    await open(page, "审批");
    await page.getByText("等待批准").waitFor();
    assert.equal(await page.getByRole("button", { name: "批准" }).count(), 0, "nobody approves their own");
  });
  await visit("console-approval", operator(desktop, "bao"), `${CONSOLE}#approvals`, async (page) => {
    await page.getByRole("button", { name: "批准" }).click();
    await page.getByText("可以执行").waitFor();
    assert.equal(await page.getByRole("button", { name: "执行" }).count(), 0, "who asked carries it out");
  });
  await visit("console-done", operator(desktop, "anna"), `${CONSOLE}#approvals`, async (page) => {
    await page.getByRole("button", { name: "执行" }).click();
    await page.getByRole("heading", { name: "已执行" }).waitFor();
    assert.equal(await page.locator("#views .count").count(), 0, "nothing waits any more");
    await open(page, "证书");
    await own(page);
    await page.getByText("已吊销").first().waitFor();
  });
});
