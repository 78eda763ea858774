// The search page between visits: photos and embeddings stay in the browser's own files, many of them too.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PHOTOS, Site, type Visit } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site?.[Symbol.asyncDispose]());

const EMBEDDED = "document.querySelector('.search .progress').hidden";
const scores = (visit: Visit) =>
  visit.page.$$eval(".cell", (cells) => cells.map((cell) => (cell as HTMLElement).dataset.score));
const nameOfBest = (visit: Visit) => visit.page.$eval(".cell", (cell) => (cell as HTMLElement).dataset.name);

it("remembers photos and what the model made of them, offline too, until they are cleared", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip answers");
  await visit.until("the service worker", "navigator.serviceWorker.controller !== null");
  await visit.drop(
    { path: join(PHOTOS, "truck.jpg"), type: "image/jpeg" },
    { path: join(PHOTOS, "chelsea.png"), type: "image/png" },
  );
  await visit.until("embeddings", `document.querySelectorAll('.cell').length === 2 && ${EMBEDDED}`);
  await visit.sees("kept in this browser");
  await visit.page.type("#query", "a photo of a cat");
  await visit.until("a ranking", "document.querySelector('.cell').dataset.score > 0.1");
  const before = await scores(visit);
  site.isDown = true;
  try {
    await visit.page.reload({ waitUntil: "load" });
    await visit.sees("2 photos of your last visit");
    await visit.sees("tiny-clip answers");
    const started = visit.page.$eval(".search .progress", (progress) => (progress as HTMLElement).hidden);
    expect(await started).toBe(true); // nothing is embedded again
    await visit.page.type("#query", "a photo of a cat");
    await visit.until("a ranking", "document.querySelector('.cell').dataset.score > 0.1");
    expect(await scores(visit)).toEqual(before);
    expect(await nameOfBest(visit)).toBe("chelsea.png");
    await visit.until("a small picture", "document.querySelector('.cell img').naturalWidth === 360");
    await visit.page.click('.cell[data-name="chelsea.png"] button');
    await visit.until("labels", "document.querySelectorAll('.scores .score').length > 3");
  } finally {
    site.isDown = false;
  }
  await visit.drop({ path: join(PHOTOS, "chelsea.png"), type: "image/png" });
  await visit.sees("These photos are here already.");
  await visit.press("Clear all");
  await visit.sees("All photos are gone from the page and from this browser.");
  await visit.page.reload({ waitUntil: "load" });
  await visit.sees("Drop photos or a whole folder");
  await visit.check();
  await visit.page.close();
});

/** Puts photos and embeddings where the page keeps them. */
async function fill(visit: Visit, count: number): Promise<void> {
  await visit.page.evaluate(async (total) => {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry("search", { recursive: true }).catch(() => {});
    const folder = await root.getDirectoryHandle("search", { create: true });
    const write = async (path: string, parts: BlobPart[]) => {
      const names = path.split("/");
      const name = names.pop() as string;
      let at = folder;
      for (const each of names) at = await at.getDirectoryHandle(each, { create: true });
      const writable = await (await at.getFileHandle(name, { create: true })).createWritable();
      await writable.write(new Blob(parts));
      await writable.close();
    };
    const canvas = new OffscreenCanvas(360, 240);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    const pictures: Blob[] = [];
    for (let i = 0; i < 64; i++) {
      context.fillStyle = `hsl(${i * 5.6} 70% 50%)`;
      context.fillRect(0, 0, 360, 240);
      pictures.push(await canvas.convertToBlob({ type: "image/jpeg" }));
    }
    const AT_ONCE = 1000;
    for (let first = 0; first < total; first += AT_ONCE) {
      const entries = Array.from({ length: AT_ONCE }, (_, i) => {
        const id = first + i + 1;
        const picture = pictures[id % 64] as Blob;
        return { id, name: `photo-${id}.jpg`, key: `photo-${id}.jpg 1`, bytes: picture.size, picture };
      });
      const head = new TextEncoder().encode(JSON.stringify(entries.map(({ picture, ...entry }) => entry)));
      const name = `${String(first / AT_ONCE).padStart(6, "0")}.photos`;
      await write(`photos/${name}`, [Uint32Array.of(head.length), head, ...entries.map(({ picture }) => picture)]);
    }
    const model = "model-tiny-clip-128";
    const rows = `${"0".repeat(10)}.rows`;
    // Each row is 1 at one place, so that a photo's score is that element of the query.
    const vectors = new Uint16Array(total * 128);
    for (let row = 0; row < total; row++) vectors[row * 128 + (row % 128)] = 0x3c00;
    await write(`${model}/rows/rows.json`, [JSON.stringify({ version: 1, channels: 128, dtype: "f16" })]);
    await write(`${model}/rows/${rows}`, [vectors]);
    await write(`${model}/ids/rows.json`, [JSON.stringify({ version: 1, channels: 1, dtype: "f32" })]);
    await write(`${model}/ids/${rows}`, [Float32Array.from({ length: total }, (_, row) => row + 1)]);
  }, count);
}

it("shows 20,000 photos of an earlier visit, scrolls through them and finds among them", async () => {
  const visit = await site.visit("index.html");
  await fill(visit, 20_000);
  await visit.page.goto(new URL("search.html", site.url).href, { waitUntil: "load" });
  await visit.sees("20,000 photos of your last visit");
  await visit.sees("tiny-clip answers");
  const frames = await visit.page.evaluate(async () => {
    const times: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 120; i++) {
      scrollBy(0, 60);
      const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      times.push(now - last);
      last = now;
    }
    return times.slice(1).sort((a, b) => a - b);
  });
  const at = (share: number) => (frames[Math.floor(share * frames.length)] as number).toFixed(1);
  console.log(`scrolling through 20,000 photos: ${at(0.5)} ms a frame, 95 % within ${at(0.95)} ms`);
  await visit.page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await visit.until("the last photo", `document.querySelector('[data-name="photo-20000.jpg"]') !== null`);
  expect(await visit.page.$$eval(".cell", (cells) => cells.length)).toBeLessThan(300);
  await visit.page.type("#query", "a photo of a cat");
  await visit.until("a ranking", "document.querySelector('.cell').dataset.score > 0");
  await visit.sees("20,000 photos, the best 1,024 here");
  const ranked = (await scores(visit)).map(Number);
  expect(ranked).toEqual([...ranked].sort((a, b) => b - a));
  // Each of the elements is that of 156 or 157 photos, and of those of one score the first comes first.
  const best = Number((await nameOfBest(visit))?.match(/\d+/)?.[0]);
  expect(best).toBeLessThanOrEqual(128);
  await visit.page.close();
});
