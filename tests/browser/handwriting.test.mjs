import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { call, person, sign } from "./appliance.mjs";
import { desktop, phone, quit, visit } from "./browser.mjs";

after(quit);

/** 王小, as lines of points in fractions of the paper. */
const LINES = [
  [[0.3, 0.3], [0.45, 0.28]], [[0.28, 0.5], [0.48, 0.47]], [[0.25, 0.7], [0.52, 0.66]], [[0.38, 0.3], [0.39, 0.5], [0.37, 0.7]],
  [[0.7, 0.25], [0.71, 0.5], [0.7, 0.75], [0.66, 0.7]], [[0.62, 0.45], [0.58, 0.6]],
];

async function paper(page) {
  await page.getByText("签署人：").waitFor();
  const box = await page.locator("#paper").boundingBox();
  return ([x, y]) => ({ x: box.x + box.width * x, y: box.y + box.height * y });
}

async function writeWithMouse(page) {
  const at = await paper(page);
  for (const line of LINES) {
    const [first, ...rest] = line.map(at);
    await page.mouse.move(first.x, first.y);
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(point.x, point.y, { steps: 8 });
    await page.mouse.up();
  }
}

async function writeWithFinger(page) {
  const at = await paper(page);
  const device = await page.context().newCDPSession(page);
  const touch = (type, points) => device.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  for (const line of LINES) {
    await touch("touchStart", [at(line[0])]);
    for (let i = 1; i < line.length; i += 1) {
      for (let step = 1; step <= 8; step += 1) {
        const [from, to] = [line[i - 1], line[i]];
        await touch("touchMove", [at([from[0] + (to[0] - from[0]) * step / 8, from[1] + (to[1] - from[1]) * step / 8])]);
      }
    }
    await touch("touchEnd", []);
  }
}

async function submitted(page) {
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: "提交签名" }).click();
  const { data } = await (await answer).json();
  await page.getByText("签名已提交").waitFor();
  return data.moulageId;
}

/** Dark pixels of page 1 in a rectangle of points, by another program's rendering at 72 dpi. */
function inkIn(file, [left, bottom, width, height]) {
  const image = execFileSync("pdftoppm", ["-r", "72", "-f", "1", "-l", "1", "-gray", file], { maxBuffer: 1 << 26 });
  const [, columns, lines] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(image.subarray(0, 40).toString("latin1")).map(Number);
  const pixels = image.subarray(image.length - columns * lines);
  let dark = 0;
  for (let y = Math.floor(lines - bottom - height); y < lines - bottom; y += 1) {
    for (let x = left; x < left + width; x += 1) if (pixels[y * columns + x] < 128) dark += 1;
  }
  return dark;
}

/** What the console says when a link is closed. */
const CLOSED = /status of 404/;

const PLACE = "1,60,60";
const BOX = [60, 60, 85, 46];

for (const [name, device, write, number] of [
  ["mouse", desktop, writeWithMouse, "110101199003070011"],
  ["finger", phone, writeWithFinger, "110101199003070038"],
]) {
  test(`what is written with the ${name} becomes a seal that signs`, async () => {
    const signer = await person("王小明", number);
    const link = await call("/x/handwriting", { signerId: signer });
    const seal = await visit(`handwriting-${name}`, device, link.path, async (page) => {
      await write(page);
      await page.getByRole("button", { name: "撤销" }).click();
      return submitted(page);
    });
    const signed = await sign(signer, seal, `written-${name}`, PLACE);
    const bare = inkIn(process.env.SAMPLE, BOX);
    assert.ok(inkIn(signed, BOX) > bare + 100, "the seal is to be seen on the page");

    await visit(`handwriting-${name}-again`, device, link.path, async (page) => {
      await page.getByText("此链接不存在、已使用或已过期").waitFor();
      assert.ok(await page.getByRole("button", { name: "提交签名" }).isDisabled());
    }, CLOSED);
  });
}

test("a link that was never given says so", async () => {
  await visit("handwriting-unknown", desktop, `handwriting/${"0".repeat(64)}`, async (page) => {
    await page.getByText("此链接不存在、已使用或已过期").waitFor();
  }, CLOSED);
});

test("nothing written cannot be submitted, and clearing is undoing everything", async () => {
  const signer = await person("欧阳娜", "110101199003070054");
  const link = await call("/x/handwriting", { signerId: signer });
  await visit("handwriting-cleared", desktop, link.path, async (page) => {
    const submit = page.getByRole("button", { name: "提交签名" });
    await page.getByText("签署人：").waitFor();
    assert.ok(await submit.isDisabled());
    await writeWithMouse(page);
    assert.ok(await submit.isEnabled());
    await page.getByRole("button", { name: "清除" }).click();
    assert.ok(await submit.isDisabled());
  });
});
