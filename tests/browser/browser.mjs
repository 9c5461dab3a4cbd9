// Debian's Chromium, and what every page must keep: no console error, no request to anywhere else, no serious finding of axe.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { base } from "./appliance.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const desktop = { viewport: { width: 1200, height: 800 }, locale: "zh-CN" };
export const phone = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, locale: "zh-CN" };

/** The browser of an operator, by the name of their certificate. */
export const operator = (device, name) => ({
  ...device,
  clientCertificates: [{
    origin: new URL(base).origin, certPath: `${process.env.TLS}/${name}.pem`, keyPath: `${process.env.TLS}/${name}.key`,
  }],
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

export const quit = () => browser.close();

/**
 * Opens a page of the service, lets `act` work on it, takes a picture, and checks what every page must keep. Chromium writes
 * refused requests to the console; `expected` names those that the test is about.
 */
export async function visit(name, device, path, act, expected = /^$/) {
  const { whole: _, ...options } = device;
  const context = await browser.newContext({ ...options, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) wrong.push(message.text()); });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${base}/`) && !/^(blob|data):/.test(url)) wrong.push(`request to ${url}`);
  });
  try {
    const response = await page.goto(`${base}/${path}`);
    assert.equal(response.status(), 200);
    assert.match(response.headers()["content-security-policy"], /default-src 'none'/);
    const result = await act(page);
    await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: !device.isMobile || device.whole });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
    assert.deepEqual(violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.map((n) => n.html).join(" ")}`), []);
    assert.deepEqual(wrong, []);
    return result;
  } finally {
    await context.close();
  }
}
