// The page that cuts out, against the library called directly in the same browser with the same file: every mask is
// taken from what the page saves, so the whole way from the click to the PNG counts.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleForBrowser } from "../../scripts/bundle.mjs";
import { fromCocoRle } from "../../src/masks/cocoRle.ts";
import type { SamPage } from "./samPage.ts";
import { PHOTOS, ROOT, Site, type Visit } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
  await writeFile(join(site.folder, "samPage.js"), await bundleForBrowser(join(ROOT, "test/site/samPage.ts")));
});
afterAll(() => site?.[Symbol.asyncDispose]());

const DOG = { path: join(PHOTOS, "dog.jpg"), type: "image/jpeg" };

/** The page with a photo on the table, encoded. */
async function open(photo = "dog.jpg", about = "a dog"): Promise<Visit> {
  const visit = await site.visit("cut.html", (page) =>
    page.evaluateOnNewDocument(() => {
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => make(Object.assign(globalThis, { saved: blob }).saved);
    }),
  );
  await visit.page.setViewport({ width: 1280, height: 900 });
  await visit.sees("tiny-sam is ready");
  await visit.press(`Sample: ${about}`);
  await encoded(visit, photo);
  return visit;
}

let shared: { readonly visit: Visit; photo: string } | undefined;

/** The page on which these tests take turns, with nothing on the photo: a visitor goes on without loading it again. */
async function turnTo(photo = "dog.jpg", about = "a dog"): Promise<Visit> {
  shared ??= { visit: await open(photo, about), photo };
  const { visit } = shared;
  if (shared.photo === photo) {
    await visit.press("Clear");
  } else {
    await visit.press(`Sample: ${about}`);
    await encoded(visit, photo);
    shared.photo = photo;
  }
  await masks(visit, 0);
  await visit.press("Add");
  await visit.page.mouse.move(2, 2);
  return visit;
}

const encoded = (visit: Visit, photo: string) =>
  visit.until(`${photo} encoded`, `document.querySelector('.frame').innerText.match(/${photo}[^]*embedding/)`);

/** The place of the window for a part of the photo. */
async function at(visit: Visit, x: number, y: number): Promise<[number, number]> {
  await visit.page.$eval(".stage", (stage) => stage.scrollIntoView({ block: "center" }));
  const box = await (await visit.page.$(".stage"))?.boundingBox();
  if (!box) throw new Error("there is no stage");
  return [box.x + x * box.width, box.y + y * box.height];
}

/** Waits until there are as many prompts' masks as `count` says, and the answer to the last one is drawn. */
const masks = (visit: Visit, count: number) =>
  visit.until(
    `${count} masks`,
    `document.querySelectorAll('.candidates .cell').length === ${count} &&
      !document.querySelector('.stage[data-busy]')`,
  );

/** Points as the page drew them, in pixels of the photo. */
const points = (visit: Visit) =>
  visit.page.$$eval(".mark", (marks) =>
    marks.map((mark) => {
      const circle = mark.querySelector("circle") as SVGCircleElement;
      return { x: circle.cx.baseVal.value, y: circle.cy.baseVal.value, label: mark.matches(".is-inside") ? 1 : 0 };
    }),
  );

/** Presses a button that saves, and gives the file's pixels as run lengths of a channel, with its size. */
async function savedPng(visit: Visit, button: "Mask PNG" | "Cut-out PNG") {
  await visit.page.evaluate(() => Object.assign(globalThis, { saved: undefined }));
  await visit.press(button);
  await visit.until("a saved file", "globalThis.saved");
  return visit.page.evaluate(
    async (channel) => {
      const { saved } = globalThis as unknown as { saved: Blob };
      const bitmap = await createImageBitmap(saved, { premultiplyAlpha: "none" });
      const { width, height } = bitmap;
      const context = new OffscreenCanvas(width, height).getContext("2d") as OffscreenCanvasRenderingContext2D;
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, width, height);
      const counts: number[] = [];
      const values = new Set<number>();
      let [value, run] = [0, 0];
      for (let x = 0; x < width; x++) {
        for (let y = 0; y < height; y++) {
          const pixel = data[(y * width + x) * 4 + channel] as number;
          values.add(pixel);
          if (Number(pixel > 127) !== value) {
            counts.push(run);
            [value, run] = [1 - value, 0];
          }
          run += 1;
        }
      }
      return { counts: [...counts, run], values: [...values].sort((a, b) => a - b), width, height, type: saved.type };
    },
    button === "Mask PNG" ? 0 : 3,
  );
}

async function savedCoco(visit: Visit) {
  await visit.page.evaluate(() => Object.assign(globalThis, { saved: undefined }));
  await visit.press("COCO JSON");
  await visit.until("a saved file", "globalThis.saved");
  const text = await visit.page.evaluate(() => (globalThis as unknown as { saved: Blob }).saved.text());
  return JSON.parse(text);
}

/** The library, in the page itself. */
async function direct<Name extends keyof SamPage>(
  visit: Visit,
  name: Name,
  ...args: Parameters<SamPage[Name]>
): Promise<Awaited<ReturnType<SamPage[Name]>>> {
  await visit.page.addScriptTag({ url: "samPage.js", type: "module" });
  await visit.until("the script", "globalThis.samPage");
  const call = async (method: string, list: unknown[]) => {
    const { samPage } = globalThis as unknown as { samPage: Record<string, (...all: unknown[]) => Promise<unknown>> };
    return samPage[method]?.(...list);
  };
  return (await visit.page.evaluate(call, name, args)) as Awaited<ReturnType<SamPage[Name]>>;
}

/** Intersection over union of two masks given as run lengths. */
function iou(a: readonly number[], b: readonly number[]): number {
  const bits = (counts: readonly number[]) => counts.flatMap((count, i) => Array<number>(count).fill(i % 2));
  const [left, right] = [bits(a), bits(b)];
  expect(left.length).toBe(right.length);
  let [both, either] = [0, 0];
  for (let i = 0; i < left.length; i++) {
    both += (left[i] as number) & (right[i] as number);
    either += (left[i] as number) | (right[i] as number);
  }
  expect(either).toBeGreaterThan(0);
  return both / either;
}

const chosen = (visit: Visit) =>
  visit.page.$$eval(".candidates .cell-picture", (all) =>
    all.findIndex((one) => one.getAttribute("aria-pressed") === "true"),
  );

it("cuts out what is clicked: the library's own mask, pixel for pixel, refined and undone", async () => {
  const visit = await turnTo();
  await visit.page.mouse.click(...(await at(visit, 0.45, 0.5)));
  await masks(visit, 3);
  const mask = await savedPng(visit, "Mask PNG");
  await visit.shoot("cut-click");
  await visit.page.mouse.click(...(await at(visit, 0.1, 0.15)), { button: "right" });
  await masks(visit, 1);
  const refined = await savedPng(visit, "Mask PNG");
  const [first, second] = await points(visit);
  expect([first?.label, second?.label]).toEqual([1, 0]);
  if (!first || !second) throw new Error("two points were drawn");

  const [three = [], [one] = []] = await direct(visit, "predict", "photos/dog.jpg", [
    { points: [first] },
    { points: [first, second], multimask: false, refines: true },
  ]);
  const top = three.reduce((best, { score }, i) => (score > (three[best]?.score ?? 0) ? i : best), 0);
  expect(iou(mask.counts, three[top]?.counts ?? [])).toBe(1);
  expect(iou(refined.counts, one?.counts ?? [])).toBe(1);
  expect(refined.counts).not.toEqual(mask.counts);

  await visit.press("Undo");
  await masks(visit, 3);
  expect(await chosen(visit)).toBe(top);
  expect((await savedPng(visit, "Mask PNG")).counts).toEqual(mask.counts);
  const next = (top + 1) % 3;
  const score = three[next]?.score ?? 0;
  await visit.press(`Mask ${next + 1}, score ${score.toFixed(3)}${score < 0.5 ? ", a guess" : ""}`);
  expect(iou((await savedPng(visit, "Mask PNG")).counts, three[(top + 1) % 3]?.counts ?? [])).toBe(1);
  await visit.press("Redo");
  await masks(visit, 1);
  expect((await savedPng(visit, "Mask PNG")).counts).toEqual(refined.counts);
  await visit.check();
});

it("takes a finger: a tap does what the chosen tool says, and with the box a drag draws one", async () => {
  const visit = await turnTo();
  const { touchscreen } = visit.page;
  await touchscreen.tap(...(await at(visit, 0.45, 0.5)));
  await masks(visit, 3);
  await visit.press("Remove");
  await touchscreen.tap(...(await at(visit, 0.1, 0.15)));
  await masks(visit, 1);
  expect((await points(visit)).map(({ label }) => label)).toEqual([1, 0]);
  await visit.press("Clear");
  await visit.press("Box");
  await touchscreen.touchStart(...(await at(visit, 0.3, 0.3)));
  await touchscreen.touchMove(...(await at(visit, 0.6, 0.7)));
  await touchscreen.touchEnd();
  await masks(visit, 3);
  expect(await visit.page.$$(".box:not(.is-casing)")).toHaveLength(1);
  expect(await points(visit)).toEqual([]);
});

it("takes a box, and saves a cut-out with alpha and COCO's JSON", async () => {
  const visit = await turnTo("truck.jpg", "a truck");
  const { mouse } = visit.page;
  await mouse.move(...(await at(visit, 0.1, 0.3)));
  await mouse.down();
  await mouse.move(...(await at(visit, 0.6, 0.6)), { steps: 4 });
  await mouse.move(...(await at(visit, 0.9, 0.85)));
  await mouse.up();
  await masks(visit, 3);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = await visit.page.$eval(".box:not(.is-casing)", (rect) => {
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
    return [x, y, (x ?? 0) + (w ?? 0), (y ?? 0) + (h ?? 0)];
  });
  const [three = []] = await direct(visit, "predict", "photos/truck.jpg", [{ box: [x0, y0, x1, y1] }]);
  const best = [...three].sort((a, b) => b.score - a.score)[0];
  const cut = await savedPng(visit, "Cut-out PNG");
  expect(cut.type).toBe("image/png");
  expect(cut.values).toEqual([0, 255]); // clear outside, opaque inside
  expect(iou(cut.counts, best?.counts ?? [])).toBe(1);

  const { images, annotations } = await savedCoco(visit);
  expect(images).toEqual([{ id: 1, file_name: "truck.jpg", width: cut.width, height: cut.height }]);
  expect(annotations).toHaveLength(1);
  expect(fromCocoRle(annotations[0].segmentation).counts).toEqual(best?.counts);
  expect(annotations[0].area).toBe(best?.counts.reduce((sum, count, i) => sum + (i % 2 ? count : 0), 0));
  expect(annotations[0].score).toBeCloseTo(best?.score ?? 0, 6);
  await visit.shoot("cut-box");
});

it("works by the keys alone, and previews what the pointer is over", async () => {
  const visit = await turnTo();
  const { page } = visit;
  await page.mouse.move(...(await at(visit, 0.4, 0.45)));
  await page.mouse.move(...(await at(visit, 0.45, 0.5)));
  await visit.until("a preview", "document.querySelector('.stage .preview')");
  expect(await page.$$eval(".mark", (marks) => marks.length)).toBe(0);
  await page.mouse.move(2, 2);
  await visit.until("no preview", "!document.querySelector('.stage .preview')");

  await page.focus(".stage");
  for (const key of ["ArrowLeft", "ArrowUp", "ArrowUp"] as const) await page.keyboard.press(key);
  await visit.until("a crosshair", "document.querySelectorAll('.crosshair').length === 1");
  await page.keyboard.press("Enter");
  await masks(visit, 3);
  await visit.until(
    "words",
    "/^Mask \\d of 3: .* % of the picture, score/.test(document.querySelector('#status').textContent)",
  );
  await page.keyboard.press("1");
  await visit.until(
    "the first mask",
    "document.querySelector('.candidates .cell-picture')?.getAttribute('aria-pressed') === 'true'",
  );
  await page.keyboard.down("Shift");
  for (const key of ["ArrowUp", "ArrowUp", "ArrowLeft"] as const) await page.keyboard.press(key);
  await page.keyboard.press("Enter");
  await page.keyboard.up("Shift");
  await masks(visit, 1);
  expect((await points(visit)).map(({ label }) => label)).toEqual([1, 0]);
  await page.keyboard.press("z");
  await masks(visit, 3);
  await page.keyboard.press("c");
  await masks(visit, 0);
  await page.keyboard.press("b");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("b");
  await masks(visit, 3);
  await visit.until("a box", "document.querySelectorAll('.box:not(.is-casing)').length === 1");
});

it("finds everything, says what is pointed at, saves all of it, and stops when told", async () => {
  const visit = await turnTo("drawn-shapes.jpg", "drawn shapes");
  await visit.press("Everything");
  await visit.page.select(".everything select", "8");
  const [iouThresh = 0, stability = 0] = await visit.page.$$eval(".everything input", (all) =>
    all.map((input) => Number(input.value)),
  );
  await visit.press("Find everything");
  await visit.until("masks", "document.querySelectorAll('.found .cell').length > 0");
  const cellCount = await visit.page.$$eval(".found .cell", (cells) => cells.length);
  const options = { pointsPerSide: 8, predIouThresh: iouThresh, stabilityScoreThresh: stability };
  const records = await direct(visit, "everything", "photos/drawn-shapes.jpg", options);
  const { annotations } = await savedCoco(visit);
  const counts = annotations.map(({ segmentation }: { segmentation: { counts: string } }) => segmentation.counts);
  expect(counts.sort()).toEqual([...records].sort());
  expect(cellCount).toBe(records.length);
  expect(await visit.page.$$eval(".stage .segment", (all) => all.length)).toBe(cellCount);
  await visit.page.hover(".found .cell:last-child button");
  await visit.until(
    "its scores",
    "/px .* score 0\\.\\d+, stability/.test(document.querySelector('.found-about').textContent)",
  );
  await visit.shoot("cut-everything");
  await visit.page.click(".found .cell:last-child button");
  const picked = await savedPng(visit, "Cut-out PNG");
  expect(picked.values).toEqual([0, 255]);
  await visit.check();

  await visit.page.select(".everything select", "32");
  await visit.press("Find everything");
  await visit.until("progress", "/ of 1024 points/.test(document.querySelector('.cut .progress').innerText)");
  await visit.press("Stop");
  await visit.until("an end", "document.querySelector('.cut .progress').hidden");
  expect(await visit.page.$$eval(".found .cell", (cells) => cells.length)).toBe(cellCount);
  expect(await visit.page.$$eval(".message", (all) => all.length)).toBe(0);
});

it("goes on when the GPU is lost: the picture is encoded again, and the mask is the same", async () => {
  const visit = await open();
  const place = await at(visit, 0.45, 0.5);
  await visit.page.mouse.click(...place);
  await masks(visit, 3);
  const before = await savedPng(visit, "Mask PNG");
  await visit.press("Clear");
  await masks(visit, 0);
  await site.endGpuProcess();
  await visit.sees("The GPU was lost");
  await visit.page.mouse.click(...(await at(visit, 0.45, 0.5)));
  await masks(visit, 3);
  expect((await savedPng(visit, "Mask PNG")).counts).toEqual(before.counts);
  expect(await visit.text(".messages")).toMatch(/the work goes on/);
  await visit.page.close();
});

it("says what it cannot take: no picture, a broken one, a huge one, another family's model", async () => {
  const visit = await site.visit("cut.html?model=./models/tiny-clip");
  await visit.sees("tiny-clip could not be loaded");
  await visit.until("the shipped one", "document.querySelector('.model-now').textContent === 'tiny-sam'");
  await visit.drop({ path: join(ROOT, "package.json"), type: "application/json" });
  await visit.sees("neither a picture nor a file of a model");
  await visit.drop({ path: join(ROOT, "README.md"), type: "image/png" });
  await visit.sees("README.md cannot be decoded");
  await visit.drop(DOG);
  await encoded(visit, "dog.jpg");

  await visit.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(8660, 5774); // 50 megapixels
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.fillStyle = "#3a7";
    context.fillRect(0, 0, 8660, 5774);
    context.fillStyle = "#e52";
    context.fillRect(2000, 1500, 3000, 2500);
    const file = new File([await canvas.convertToBlob({ type: "image/jpeg" })], "huge.jpg", { type: "image/jpeg" });
    const transfer = new DataTransfer();
    transfer.items.add(file);
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await visit.sees("50 million pixels (8660 × 5774)");
  await encoded(visit, "huge.jpg");
  for (let left = 3; left > 0; left--) await visit.press("Dismiss"); // they lie over the photo's lower part
  await visit.page.mouse.click(...(await at(visit, 0.4, 0.5)));
  await masks(visit, 3);
  await visit.check();
  await visit.page.close();
});
