import assert from "node:assert/strict";
import fs from "node:fs";
import { after, test } from "node:test";
import { call, person, sign } from "./appliance.mjs";
import { desktop, phone, quit, visit } from "./browser.mjs";

after(quit);

let signed = null;

/** A contract with one signature, made once. */
async function contract() {
  if (signed === null) {
    const signer = await person("陈晓", "110101199003070070");
    const { moulageId } = await call("/moulage/person", { signerId: signer });
    signed = fs.readFileSync(await sign(signer, moulageId, "to-verify", "1,100,100"));
  }
  return signed;
}

async function check(page, name, buffer) {
  await page.setInputFiles("#file", { name, mimeType: "application/pdf", buffer });
  await page.locator("#state .verdict.good, #state .verdict.bad, #state .verdict.doubt").waitFor();
}

/** The file with an incremental update (ISO 32000-2, 7.5.6) that gives page 1 other contents. */
function withOtherContents(file) {
  const text = file.toString("latin1");
  const root = /\/Root (\d+ \d+ R)/.exec(text)[1];
  const size = Math.max(...[...text.matchAll(/\/Size (\d+)/g)].map((m) => Number(m[1])));
  const before = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(text)[1]);
  const [object, number] = [...text.matchAll(/(\d+) 0 obj\s*<<[^]*?\/Contents (\d+) 0 R/g)].map((m) => [m[0], m[2]])[0];
  assert.ok(object);
  const content = "0.9 0.2 0.2 rg 100 600 300 80 re f";
  const start = file.length;
  const body = `${number} 0 obj\n<</Length ${content.length}>>\nstream\n${content}\nendstream\nendobj\n`;
  const xref = `xref\n0 0\n${number} 1\n${String(start).padStart(10, "0")} 00000 n \ntrailer\n<</Size ${size}/Root ${root}/Prev ${before}>>\nstartxref\n${start + body.length}\n%%EOF\n`;
  return Buffer.concat([file, Buffer.from(body + xref, "latin1")]);
}

test("an honest file: not modified, its seal outlined on the page", async () => {
  const file = await contract();
  await visit("verify-honest", desktop, "verify.html", async (page) => {
    await check(page, "contract.pdf", file);
    assert.equal(await page.locator("#state .verdict.bad").count(), 0);
    await page.locator("figure.page img").first().waitFor();
    await page.locator("figure.page .mark").first().waitFor();
    const box = await page.locator("figure.page .mark").first().boundingBox();
    assert.ok(box.width > 10 && box.height > 10);
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "下载报告" }).click();
    const report = JSON.parse(fs.readFileSync(await (await waiting).path(), "utf8"));
    assert.equal(report.signatures[0].valid_modify, true);
  });
});

test("content exchanged after signing: modified, shown then and now", async () => {
  const file = withOtherContents(await contract());
  await visit("verify-exchanged", desktop, "verify.html", async (page) => {
    await check(page, "forged.pdf", file);
    await page.locator("#state .verdict.bad").waitFor();
    await page.getByText("签署后文件被修改。请不要信任当前内容。").waitFor();
    await page.getByRole("button", { name: "比较签署时与现在" }).click();
    await page.locator(".mark.changed").first().waitFor();
    const revision = page.locator(".revision").last();
    await revision.getByRole("button", { name: "比较此修订前后" }).click();
    await revision.locator(".mark.changed").first().waitFor();
    await revision.getByText("第 1 页，此修订之前").waitFor();
    await revision.getByText("不允许").first().waitFor();
  });
});

test("a signed byte changed: invalid", async () => {
  const file = Buffer.from(await contract());
  const at = file.indexOf("/MediaBox");
  const digit = file.indexOf("8", at);
  file[digit] = "7".charCodeAt(0);
  await visit("verify-flipped", desktop, "verify.html", async (page) => {
    await check(page, "flipped.pdf", file);
    await page.locator("#state .verdict.bad").waitFor();
    await page.getByText("签名无效").waitFor();
  });
});

test("no signature, and no PDF", async () => {
  await visit("verify-none", desktop, "verify.html", async (page) => {
    await check(page, "plain.pdf", fs.readFileSync(process.env.SAMPLE));
    await page.getByText("此文件没有签名").waitFor();
    await check(page, "not.pdf", Buffer.from("not a PDF at all"));
    await page.locator("#state .verdict.bad").getByText("未能检查").waitFor();
  });
});

const ENGLISH = {
  honest: /this system does not trust|is trusted|cannot be fully confirmed/,
  exchanged: /was modified after this signature\. Do not trust what it shows now\./,
};

for (const [device, options] of [["desktop", desktop], ["phone", { ...phone, whole: true }]]) {
  test(`in English on a ${device}: the same verdicts, and the switch turns every word`, async () => {
    const files = { honest: await contract(), exchanged: withOtherContents(await contract()) };
    for (const [kind, file] of Object.entries(files)) {
      await visit(`verify-${kind}-english-${device}`, { ...options, locale: "en-GB" }, "verify.html", async (page) => {
        await check(page, "contract.pdf", file);
        await page.locator("section.verdict strong").getByText(ENGLISH[kind]).first().waitFor();
        await page.locator("figure.page .mark").first().waitFor();
        if (kind === "exchanged") {
          await page.getByRole("button", { name: "Compare then and now" }).click();
          await page.locator(".mark.changed").first().waitFor();
        }
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(width, 0, "nothing sticks out sideways");
        await page.locator("#language").click();
        await page.getByText("签署后").first().waitFor();
        await page.locator("#language").click();
        await page.locator("section.verdict strong").getByText(ENGLISH[kind]).first().waitFor();
        await page.locator("figure.page .mark").first().waitFor();
        if (kind === "exchanged") {
          await page.getByRole("button", { name: "Compare then and now" }).click();
          await page.locator(".mark.changed").first().waitFor();
        }
      });
    }
  });
}

for (const [kind, made] of [["honest", (file) => file], ["exchanged", withOtherContents]]) {
  test(`${kind} on a phone in Chinese`, async () => {
    await visit(`verify-${kind}-phone`, { ...phone, whole: true }, "verify.html", async (page) => {
      await check(page, "contract.pdf", made(await contract()));
      await page.locator("figure.page .mark").first().waitFor();
    });
  });
}
