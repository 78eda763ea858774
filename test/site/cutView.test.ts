// How the Cut page shows a photo: with its tools above the fold, zoomed and moved by wheel, fingers, keys and buttons,
// where a click still means the pixel under it; and messages that cover no picture on a phone.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PHOTOS, Site, type Visit } from "./site.ts";

let site: Site;
let visit: Visit;
beforeAll(async () => {
  site = await Site.open();
  visit = await site.visit("cut.html");
  await visit.page.setViewport({ width: 1440, height: 900 });
  await visit.sees("tiny-sam answers");
  await visit.drop({ path: join(PHOTOS, "drawn-frog.jpg"), type: "image/jpeg" });
  await visit.until("the photo", "document.querySelector('.frame').innerText.includes('drawn-frog.jpg')");
});
afterAll(() => site?.[Symbol.asyncDispose]());

/** Where elements end, in pixels from the top of the window. */
const bottoms = (...selectors: string[]) =>
  visit.page.evaluate(
    (all) => all.map((one) => document.querySelector(one)?.getBoundingClientRect().bottom),
    selectors,
  );

/** What the SVG over the photo is transformed by: scale, and where the photo's corner lies, in its pixels. */
const view = () =>
  visit.page.$eval(".stage-marks > g", (group) => {
    const { a, d, e, f } = new DOMMatrix(group.getAttribute("transform") ?? "");
    return { scale: a, isEven: a === d, x: e, y: f };
  });

const settled = () =>
  visit.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 30))));

async function stage(): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await (await visit.page.$(".stage"))?.boundingBox();
  if (!box) throw new Error("there is no stage");
  return box;
}

it("has the photo and its tools above the fold, and says who computes and who answers", async () => {
  expect(await visit.page.evaluate(() => scrollY)).toBe(0);
  for (const bottom of await bottoms(".frame", ".cut-tools", ".saving")) expect(bottom).toBeLessThanOrEqual(900);
  expect((await stage()).height).toBeGreaterThan(400);
  expect(await visit.text(".on-cpu")).toMatch(/is a CPU \(.*swiftshader.*\): expect seconds/i);
  expect(await visit.text(".model-knows")).toMatch(
    /^tiny-sam answers: .*no objects.*Sam\.fromPretrained\("facebook\/sam-vit-base"\)/,
  );
});

it("zooms about the pointer by the wheel, and no further out than the whole", async () => {
  const { x, y, width, height } = await stage();
  await visit.page.mouse.move(x + 0.25 * width, y + 0.75 * height);
  await visit.page.mouse.wheel({ deltaY: -500 });
  await settled();
  const zoomed = await view();
  expect(zoomed.scale).toBeGreaterThan(1.5);
  expect(zoomed.isEven).toBe(true);
  // The pixel under the pointer stays there: 640 x 480, at a quarter and three quarters.
  expect(zoomed.scale * 160 + zoomed.x).toBeCloseTo(160, -0.7);
  expect(zoomed.scale * 360 + zoomed.y).toBeCloseTo(360, -0.7);
  expect(await visit.text(".zoom .edge")).toBe(`${Math.round(100 * zoomed.scale)} %`);
  await visit.page.mouse.wheel({ deltaY: 5000 });
  await settled();
  expect(await view()).toEqual({ scale: 1, isEven: true, x: 0, y: 0 });
});

it("means the pixel under the pointer when it is zoomed and moved by buttons and the middle button", async () => {
  await visit.press("Larger");
  await visit.press("Larger");
  const { x, y, width, height } = await stage();
  const [cx, cy] = [x + width / 2, y + height / 2];
  await visit.page.mouse.move(cx, cy);
  await visit.page.mouse.down({ button: "middle" });
  await visit.page.mouse.move(cx + 60, cy - 40, { steps: 3 });
  await visit.page.mouse.up({ button: "middle" });
  await settled();
  const moved = await view();
  expect(moved.scale).toBeCloseTo(2.25, 5);
  expect(moved.x - (320 - 2.25 * 320)).toBeCloseTo((60 * 640) / width, -0.7);
  expect(moved.y - (240 - 2.25 * 240)).toBeCloseTo((-40 * 480) / height, -0.7);
  await visit.page.mouse.click(cx + 50, cy + 30);
  await visit.until("a point", "document.querySelectorAll('.mark').length === 1");
  const [px, py] = await visit.page.$eval(".mark circle", (circle) => {
    const { cx, cy } = circle as SVGCircleElement;
    return [cx.baseVal.value, cy.baseVal.value];
  });
  const toPhoto = (stagePixels: number, size: number, photo: number, corner: number) =>
    ((stagePixels / size) * photo - corner) / moved.scale;
  expect(px).toBeCloseTo(toPhoto(width / 2 + 50, width, 640, moved.x), -0.5);
  expect(py).toBeCloseTo(toPhoto(height / 2 + 30, height, 480, moved.y), -0.5);
});

it("zooms by the keys, keeps the crosshair in view, and shows the whole again", async () => {
  await visit.page.focus(".stage");
  await visit.page.keyboard.press("0");
  for (let i = 0; i < 4; i++) await visit.page.keyboard.press("+");
  await visit.page.keyboard.down("Shift");
  for (let i = 0; i < 12; i++) await visit.page.keyboard.press("ArrowRight");
  await visit.page.keyboard.up("Shift");
  await settled();
  const { scale, x } = await view();
  expect(scale).toBeCloseTo(1.5 ** 4, 3);
  const cross = await visit.page.$eval(".crosshair circle", (circle) => Number(circle.getAttribute("cx")));
  expect(cross).toBeGreaterThan(400);
  expect(scale * cross + x).toBeGreaterThan(0);
  expect(scale * cross + x).toBeLessThanOrEqual(640);
  await visit.page.keyboard.press("0");
  await settled();
  expect(await view()).toEqual({ scale: 1, isEven: true, x: 0, y: 0 });
});

it("zooms by two fingers, and makes no point of them", async () => {
  const before = await visit.page.$$eval(".mark", (all) => all.length);
  const { x, y, width, height } = await stage();
  const [cx, cy] = [x + width / 2, y + height / 2];
  const session = await visit.page.createCDPSession();
  const fingers = (type: "touchStart" | "touchMove" | "touchEnd", apart: number) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [-apart, apart].map((dx, id) => ({ x: cx + dx, y: cy, id })),
    });
  await fingers("touchStart", 50);
  for (const apart of [70, 90, 120, 150]) await fingers("touchMove", apart);
  await fingers("touchEnd", 150);
  await settled();
  const { scale, x: left } = await view();
  expect(scale).toBeGreaterThan(2);
  expect(scale).toBeLessThan(4);
  expect(scale * 320 + left).toBeCloseTo(320, -1.5);
  expect(await visit.page.$$eval(".mark", (all) => all.length)).toBe(before);
  await visit.page.click(".zoom .edge");
});

it("marks masks that are guesses", async () => {
  await visit.until("masks", "document.querySelectorAll('.candidates .cell').length > 0");
  const cells = await visit.page.$$eval(".candidates .cell", (all) =>
    all.map((cell) => ({ score: Number((cell as HTMLElement).dataset.score), text: (cell as HTMLElement).innerText })),
  );
  for (const { score, text } of cells) expect(text.includes("guess")).toBe(score < 0.5);
});

it("covers no picture with its messages on a phone", async () => {
  await visit.page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true });
  await visit.drop({ path: join(PHOTOS, "README.md"), type: "text/markdown" });
  await visit.sees("neither a picture nor a file of a model");
  const overlaps = await visit.page.evaluate(() => {
    const [message, photo] = [".message", ".frame"].map((one) => document.querySelector(one)?.getBoundingClientRect());
    return Boolean(message && photo && message.bottom > photo.top && message.top < photo.bottom);
  });
  expect(overlaps).toBe(false);
  expect(await visit.page.$eval(".message", (message) => message.getBoundingClientRect().top >= 0)).toBe(true);
  await visit.check();
});
