// The page that shows what DINO sees. What it draws and says is compared with what the library gives on the same page
// for the same photograph.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { heatColour, rangeOf } from "../../demos/site/see/heat.ts";
import { bundleForBrowser } from "../../scripts/bundle.mjs";
import type { PatchMatch } from "../../src/index.ts";
import type { Expected } from "./seeLibrary.ts";
import { PHOTOS, ROOT, Site, type Visit } from "./site.ts";

let site: Site;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-see-"));
  site = await Site.open();
  // The library itself, beside the page's own scripts.
  await writeFile(join(site.folder, "library.js"), await bundleForBrowser("test/site/seeLibrary.ts"));
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const READY = "document.querySelector('.model-now').textContent !== 'none yet'";
const QUIET = `${READY} && !document.querySelector('.progress:not([hidden])')`;

async function open(part: string): Promise<Visit> {
  const visit = await site.visit(`see.html#${part}`);
  await visit.until("a model", QUIET);
  return visit;
}

let shared: Visit | undefined;

/** A part of the page on which these tests go from part to part, as a visitor does. */
async function turnTo(part: string): Promise<Visit> {
  shared ??= await open(part);
  await shared.page.click(`#tab-${part}`);
  return shared;
}

/** What the library gives for sample photographs, in the same browser. */
async function library(visit: Visit, photos: readonly string[], detail = 16): Promise<Expected> {
  await visit.page.addScriptTag({ url: "library.js", type: "module" });
  await visit.page.waitForFunction("globalThis.library");
  return visit.page.evaluate(`library(${JSON.stringify(photos)}, ${detail})`) as Promise<Expected>;
}

/** The middle of every patch of a canvas, red, green and blue each. */
function pixels(visit: Visit, selector: string, [height, width]: readonly [number, number]): Promise<number[]> {
  return visit.page.$eval(
    selector,
    (element, rows, columns) => {
      const canvas = element as HTMLCanvasElement;
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d", { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
      context.drawImage(canvas, 0, 0);
      const values: number[] = [];
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const middle = (place: number, count: number, size: number) => Math.floor(((place + 0.5) / count) * size);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const y = middle(row, rows, canvas.height);
          const at = (y * canvas.width + middle(column, columns, canvas.width)) * 4;
          values.push(...data.subarray(at, at + 3));
        }
      }
      return values;
    },
    height,
    width,
  );
}

/** Moves the slider of a label within the part that is shown. */
async function set(visit: Visit, label: string, value: string | boolean): Promise<void> {
  await visit.page.evaluate(
    (text, wanted) => {
      const labels = [...document.querySelectorAll<HTMLLabelElement>(".part:not([hidden]) label.control")];
      const field = labels.find(({ innerText }) => innerText.startsWith(text))?.querySelector("input, select");
      if (field instanceof HTMLSelectElement)
        field.selectedIndex = [...field.options].findIndex((o) => o.text === wanted);
      else if (!(field instanceof HTMLInputElement)) throw new Error(`no control ${text}`);
      else if (typeof wanted === "boolean") field.checked = wanted;
      else field.value = wanted;
      for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    },
    label,
    value,
  );
}

const difference = (a: readonly number[], b: readonly number[]) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), Math.abs(a.length - b.length));

it("draws the attention that the library gives, head by head", async () => {
  const visit = await turnTo("attention");
  await visit.until("heads", "document.querySelectorAll('.heads .cell').length === 4");
  await visit.shoot("see-attention");
  const { grid, heads } = await library(visit, ["flower.jpg"]);
  await set(visit, "Opacity", "1");
  await set(visit, "Look", "heat");
  await set(visit, "Smooth", false);
  for (const [i, data] of heads.entries()) {
    await visit.page.click(`.heads li:nth-child(${i + 2}) button`);
    const drawn = await pixels(visit, ".large .view", grid);
    const [least, most] = rangeOf({ width: grid[1], height: grid[0], data });
    const expected = data.flatMap((value) => heatColour((value - least) / (most - least)));
    expect(difference(drawn, expected), `head ${i + 1}`).toBeLessThanOrEqual(2);
    expect(new Set(drawn).size).toBeGreaterThan(40);
  }
  expect(await visit.text(".large .cell-edge")).toContain("head 3");
  await visit.check();
});

it("draws the colours that the library gives, the same for all pictures", async () => {
  const visit = await turnTo("colours");
  const photos = ["dog.jpg", "chelsea.png", "truck.jpg"];
  await visit.until("colours", "document.querySelectorAll('.colours .view[aria-label$=colours]').length === 3");
  const { colours } = await library(visit, photos);
  for (const [i, { rgb: expected, width, height }] of colours.entries()) {
    const drawn = await pixels(visit, `.colours li:nth-child(${i + 1}) .view`, [height, width]);
    expect(difference(drawn, expected), photos[i]).toBeLessThanOrEqual(2);
    expect(new Set(drawn).size).toBeGreaterThan(40);
  }
  await visit.shoot("see-colours");
  await set(visit, "Coloured", "one side");
  await visit.until(
    "a foreground",
    `${QUIET} && document.querySelectorAll('.colours .view[aria-label$=colours]').length === 3`,
  );
  await visit.check();
});

it("finds the patch that matchPatches finds, by pointer and by keyboard", async () => {
  const visit = await turnTo("likeness");
  await visit.until("a match", "document.querySelector('.best').textContent.includes('cosine')");
  const { grid, matches } = await library(visit, ["drawn-cat.jpg", "chelsea.png"]);
  const said = async (row: number, column: number) => {
    const match = matches.find(({ a }) => a[0] === row && a[1] === column) as PatchMatch;
    const [to, across] = match.b;
    expect(await visit.text(".best")).toBe(
      `Row ${row + 1}, column ${column + 1} on the left is most like ` +
        `row ${to + 1}, column ${across + 1} on the right: ` +
        `cosine ${match.similarity.toFixed(3)}.`,
    );
  };
  await visit.page.$eval(".side:first-child .view", (view) => view.scrollIntoView({ block: "center" }));
  const box = await (await visit.page.$(".side:first-child .view"))?.boundingBox();
  if (!box) throw new Error("the left picture has no place");
  const [row, column] = [9, 5];
  await visit.page.mouse.click(
    box.x + ((column + 0.5) / grid[1]) * box.width,
    box.y + ((row + 0.5) / grid[0]) * box.height,
  );
  await said(row, column);
  await visit.page.focus(".side:first-child .pad");
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown"] as const) await visit.page.keyboard.press(key);
  await said(row + 2, column + 1);
  await visit.shoot("see-likeness");
  await visit.check();
});

it("learns two classes from a handful of photos, by both methods, and tells others apart", async () => {
  const visit = await turnTo("classes");
  const answered = "document.querySelectorAll('.question[data-best]:not([data-best=\"\"])').length === 3";
  await visit.until("answers", answered);
  const best = () =>
    visit.page.$$eval(".question", (items) =>
      Object.fromEntries(items.map((item) => [(item as HTMLElement).dataset.name, (item as HTMLElement).dataset.best])),
    );
  const right = { "drawn-cat.jpg": "drawing", "chelsea.png": "photograph", "groceries.jpg": "photograph" };
  expect(await best()).toEqual(right);
  await visit.shoot("see-classes");
  await set(visit, "Method", "linear probe");
  await visit.until("a probe", `/Trained/.test(document.querySelector('.trained').textContent) && ${answered}`);
  expect(await best()).toEqual(right);
  await visit.check();
});

it("says that a ResNet has no attention, and does the rest with it", async () => {
  const visit = await open("attention");
  const model = join(ROOT, "test/golden/small-dino-resnet");
  const files = ["config.json", "model.safetensors", "preprocessor_config.json"];
  await visit.drop(...files.map((name) => ({ path: join(model, name), type: "" })));
  await visit.sees("A ResNet does not attend");
  expect(await visit.page.$$eval(".heads", ([list]) => list?.checkVisibility())).toBe(false);
  await visit.shoot("see-resnet");
  await visit.page.click("#tab-likeness");
  await visit.until("a match", "document.querySelector('.best').textContent.includes('cosine')");
  await visit.check();
  await visit.page.close();
});

it("says what is no picture, takes a photo of 50 megapixels, and stays quick", async () => {
  const visit = await open("attention");
  await visit.until("heads", "document.querySelectorAll('.heads .cell').length === 4");
  const [notes, broken, large] = [join(folder, "notes.txt"), join(folder, "broken.jpg"), join(folder, "large.jpg")];
  await writeFile(notes, "not a picture");
  await writeFile(broken, "not a picture either");
  await sharp(join(PHOTOS, "chelsea.png")).resize(8660, 5774, { fit: "fill" }).jpeg().toFile(large);
  await visit.page.evaluate(() => {
    const tasks: number[] = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ["longtask"],
    });
    Object.assign(globalThis, { tasks });
  });
  await visit.drop({ path: notes, type: "text/plain" }, { path: broken, type: "image/jpeg" });
  await visit.sees("notes.txt: neither a picture nor a file of a model");
  await visit.sees("broken.jpg is left out");
  expect(await visit.text(".large .cell-edge")).toContain("flower.jpg");
  await visit.choose("Choose a picture…", large);
  await visit.until("the large photo", "document.querySelector('.large .cell-edge').textContent.includes('large.jpg')");
  const tasks = await visit.page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
  console.log(`longest task beside a photo of 50 megapixels: ${Math.round(Math.max(0, ...tasks))} ms`);
  expect(Math.max(0, ...tasks)).toBeLessThan(200);
  expect(visit.errors).toEqual([]);
  await visit.page.close();
});

it("goes on when the GPU is lost, and says so", async () => {
  const visit = await open("attention");
  await visit.until("heads", "document.querySelectorAll('.heads .cell').length === 4");
  await site.endGpuProcess();
  await visit.sees("The GPU was lost");
  await visit.press("Sample: cat");
  await visit.until("the cat", "document.querySelector('.large .cell-edge').textContent.includes('chelsea.png')");
  const { grid } = await library(visit, ["chelsea.png"]);
  expect(new Set(await pixels(visit, ".large .view", grid)).size).toBeGreaterThan(40);
  await visit.page.close();
});
