// The search page: photos come in, words rank them, one is classified.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PHOTOS, Site, type Visit } from "./site.ts";

let site: Site;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-search-"));
  site = await Site.open();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const EMBEDDED = "document.querySelector('.search .progress').hidden";

it("ranks dropped photos for a text, and classifies the one that is picked", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip");
  await visit.drop(
    { path: join(PHOTOS, "truck.jpg"), type: "image/jpeg" },
    { path: join(PHOTOS, "chelsea.png"), type: "image/png" },
    { path: join(PHOTOS, "drawn-ship.jpg"), type: "image/jpeg" },
  );
  await visit.page.type("#query", "a photo of a cat");
  await visit.until(
    "a ranking",
    `document.querySelectorAll('.cell[data-score]:not([data-score=""])').length === 3 && ${EMBEDDED}`,
  );
  const names = await visit.page.$$eval(".cell", (cells) => cells.map((cell) => (cell as HTMLElement).dataset.name));
  expect(names[0]).toBe("chelsea.png");
  expect(await visit.page.$$eval(".ring", (rings) => rings.length)).toBe(1);
  await visit.page.click('.cell[data-name="chelsea.png"] button');
  await visit.until("labels", "document.querySelectorAll('.scores .score').length > 3");
  expect(await visit.text(".scores .score:first-child span")).toBe("cat");
  await visit.check();
  await visit.shoot("search");
});

it("says what the small model knows, offers what it can find, and marks what it never learnt", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip answers: it knows ten things");
  expect(await visit.text(".model-knows")).toContain('Clip.fromPretrained("openai/clip-vit-base-patch32")');
  await visit.press("Use the sample photos");
  await visit.sees("10 photos");
  await visit.page.type("#query", "rocket");
  await visit.until("a ranking", `${scored(10)} && ${EMBEDDED}`);
  expect(await visit.text(".doubt")).toMatch(/^Not sure: tiny-clip never learnt “rocket”/);
  expect(await visit.page.$$eval(".ring", (rings) => rings.length)).toBe(0);
  await visit.press("a green frog");
  await visit.until("a ring", "document.querySelectorAll('.ring').length === 1");
  expect(await nameOfBest(visit)).toBe("drawn-frog.jpg");
  expect(await visit.page.$eval(".doubt", (doubt) => (doubt as HTMLElement).hidden)).toBe(true);

  await visit.page.click('.cell[data-name="drawn-horse.jpg"] button');
  await visit.until("labels", "document.querySelectorAll('.scores .score').length === 10");
  expect(await visit.text(".scores .score:first-child")).toMatch(/^horse\s+9\d\.\d %$|^horse\s+100\.0 %$/);
  await visit.page.type(".picked textarea", "\nrocket");
  await visit.until("the eleventh label", "document.querySelectorAll('.scores .score').length === 11");
  const rows = await visit.page.$$eval(".scores .score", (all) => all.map((row) => (row as HTMLElement).innerText));
  expect(rows.filter((row) => row.includes("never learnt"))).toEqual([expect.stringMatching(/^rocket\s/)]);
  await visit.page.click('.cell[data-name="drawn-dog.jpg"] button');
  await visit.until("a doubt", "/not sure|never learnt/.test(document.querySelector('.scores .score')?.innerText)");
  await visit.page.click(".model-knows button");
  const chosen = await visit.page.$eval(".model-choice :checked", (input) => (input as HTMLInputElement).value);
  expect(chosen).toBe("openai/clip-vit-base-patch32");
  await visit.page.close();
});

const scored = (count: number) =>
  `document.querySelectorAll('.cell[data-score]:not([data-score=""])').length === ${count}`;
const nameOfBest = (visit: Visit) => visit.page.$eval(".cell", (cell) => (cell as HTMLElement).dataset.name);

/** Of all the time that a test looks at; milliseconds would say more about how busy the machine is. */
const LARGEST_SHARE = 0.05;

/** Notes the longest task of the page's own thread from now on, and gives its share of the time since. */
async function watchTasks(visit: Visit): Promise<(beside: string) => Promise<number>> {
  const start = performance.now();
  await visit.page.evaluate(() => {
    const tasks: number[] = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ["longtask"],
    });
    Object.assign(globalThis, { tasks });
  });
  return async (beside) => {
    const all = performance.now() - start;
    const task = await visit.page.evaluate(() => {
      return Math.max(0, ...(globalThis as unknown as { tasks: number[] }).tasks);
    });
    console.log(`longest task beside ${beside}: ${Math.round(task)} ms of ${Math.round(all)} ms`);
    return task / all;
  };
}

it("says what is no picture, takes a photo of 50 megapixels, and loses nothing", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip");
  const [notes, broken, large] = [join(folder, "notes.txt"), join(folder, "broken.jpg"), join(folder, "large.jpg")];
  await writeFile(notes, "not a picture");
  await writeFile(broken, "not a picture either");
  await sharp(join(PHOTOS, "chelsea.png"))
    .resize(8000, 5300)
    .extend({ left: 300, top: 200, right: 360, bottom: 274, background: "#2255dd" })
    .jpeg()
    .toFile(large);
  const longest = await watchTasks(visit);
  await visit.choose("Add photos…", notes, broken, large, join(PHOTOS, "truck.jpg"));
  await visit.sees("notes.txt: neither a picture nor a file of a model");
  await visit.sees("broken.jpg is left out");
  await visit.page.type("#query", "a photo of a cat");
  await visit.until("a ranking of two", scored(2));
  expect(await nameOfBest(visit)).toBe("large.jpg");
  await visit.until(
    "the thumbnail",
    `document.querySelector('.cell[data-name="large.jpg"] img').src.startsWith("blob:")`,
  );
  await visit.sees("not a picture");
  expect(await longest("a photo of 50 megapixels")).toBeLessThan(LARGEST_SHARE);
  await visit.check();
  await visit.page.close();
});

it("stays quick with two thousand photos", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip");
  const longest = await watchTasks(visit);
  await visit.page.evaluate(async () => {
    const transfer = new DataTransfer();
    const canvas = new OffscreenCanvas(96, 64);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    for (let i = 0; i < 2000; i++) {
      context.fillStyle = `hsl(${(i * 137) % 360} 70% ${20 + (i % 60)}%)`;
      context.fillRect(0, 0, 96, 64);
      const blob = await canvas.convertToBlob({ type: "image/jpeg" });
      transfer.items.add(new File([blob], `photo-${i}.jpg`, { type: "image/jpeg" }));
    }
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await visit.sees("2,000 photos");
  expect(await visit.page.$$eval(".cell", (cells) => cells.length)).toBeLessThan(300);
  await visit.until(
    "some embeddings",
    "/^(3[2-9]|[4-9][0-9]|[1-9][0-9]{2,}) of 2/.test(document.querySelector('.search .progress').innerText)",
  );
  await visit.page.type("#query", "a red thing");
  await visit.until("a ranking", "document.querySelector('.cell').dataset.score > -1"); // no ring: it is no sure find
  await visit.page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await visit.until(
    "the last ones",
    "document.querySelector('.cell:last-child').getBoundingClientRect().top < innerHeight",
  );
  expect(await visit.page.$$eval(".cell", (cells) => cells.length)).toBeLessThan(300);
  await visit.press("Stop");
  await visit.sees("Go on");
  expect(await longest("2,000 photos")).toBeLessThan(LARGEST_SHARE);
  await visit.page.close();
});

it("goes on when the GPU is lost, and says so", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip answers"); // the photos offered are those that it knows
  await visit.press("Use the sample photos");
  await visit.page.type("#query", "a photo of a cat");
  await visit.until("a ranking", `${scored(10)} && ${EMBEDDED}`);
  const before = await visit.page.$$eval(".cell", (cells) => cells.map((cell) => (cell as HTMLElement).dataset.score));
  await site.endGpuProcess();
  await visit.sees("The GPU was lost");
  await visit.page.$eval("#query", (input) => {
    (input as HTMLInputElement).value = "";
  });
  await visit.page.type("#query", "a photo of a cat");
  await visit.page.$eval("#query", (input) => input.dispatchEvent(new Event("input")));
  await visit.sees("The GPU was lost");
  await visit.until("a ranking again", `${scored(10)}`);
  const after = await visit.page.$$eval(".cell", (cells) => cells.map((cell) => (cell as HTMLElement).dataset.score));
  expect(after).toEqual(before);
  await visit.page.close();
});
