import assert from "node:assert/strict";
import { after, test } from "node:test";
import { desktop, phone, quit, visit } from "./browser.mjs";

after(quit);

test("the first page speaks Chinese, and English when asked, and remembers it", async () => {
  await visit("index", desktop, "index.html", async (page) => {
    assert.ok(await page.getByRole("heading", { name: "签署服务已启动" }).isVisible());
    await page.getByRole("button", { name: "English" }).click();
    assert.ok(await page.getByRole("heading", { name: "The signing service is up" }).isVisible());
    await page.reload();
    assert.ok(await page.getByRole("heading", { name: "The signing service is up" }).isVisible());
    assert.equal(await page.getByText("签署服务已启动").isVisible(), false);
  });
});

test("the API documentation lists every call without internet", async () => {
  await visit("docs", desktop, "docs", async (page) => {
    await page.locator("section h2 code").first().waitFor();
    const paths = await page.locator("section h2 code").allTextContents();
    for (const path of ["/auth/login", "/user/person", "/moulage/company", "/sign/filePath", "/tsa/pathSign", "/cz/in"]) {
      assert.ok(paths.some((shown) => shown.endsWith(path)), path);
    }
  });
});

test("the documentation fits a phone", async () => {
  await visit("docs-phone", phone, "docs", async (page) => {
    await page.locator("section h2 code").first().waitFor();
    const [shown, wide] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
    assert.ok(wide <= shown, `${wide} > ${shown}`);
  });
});
