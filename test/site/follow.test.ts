// The page that follows: a click on the balloon of the example, whose first frames are dropped on the page, through
// these; a correction, and what is saved. Masks are taken from the zip that the page saves, so the whole
// way from the click to the PNG counts. Then a film, and a camera that a canvas plays.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Site, type Visit } from "./site.ts";

const [WIDTH, HEIGHT, FRAMES] = [384, 256, 8];

let site: Site;
let visit: Visit;
/** Saved by one test and opened by the next. */
let film: Buffer;
beforeAll(async () => {
  site = await Site.open();
  visit = await site.visit("follow.html", (page) =>
    page.evaluateOnNewDocument(() => {
      const make = URL.createObjectURL;
      const keep = (blob: Blob | MediaSource) => {
        if (blob instanceof Blob) Object.assign(globalThis, { saved: blob });
        return make(blob);
      };
      URL.createObjectURL = keep;
      navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
        const context = canvas.getContext("2d") as CanvasRenderingContext2D;
        let at = 0;
        setInterval(() => {
          context.fillStyle = "#345";
          context.fillRect(0, 0, 320, 240);
          context.fillStyle = "#fc3";
          context.fillRect(120 + (at++ % 40), 90, 70, 60);
        }, 60);
        return canvas.captureStream(15);
      };
    }),
  );
  await visit.sees("tiny-sam2 is ready");
  const frames = Array.from({ length: FRAMES }, (_, i) => `0${i}.jpg`);
  await visit.drop(...frames.map((name) => ({ path: join(site.folder, "example", name), type: "image/jpeg" })));
  await visit.until("the frames", "document.querySelector('.stage').ariaLabel.includes('frame 1')");
});
afterAll(() => site?.[Symbol.asyncDispose]());

/** Clicks on a pixel of the frame that is shown, and waits for the answer. */
async function click(x: number, y: number): Promise<void> {
  await visit.page.$eval(".stage", (stage) => stage.scrollIntoView({ block: "center" }));
  const box = await (await visit.page.$(".stage"))?.boundingBox();
  if (!box) throw new Error("there is no stage");
  await visit.page.mouse.click(box.x + (x / WIDTH) * box.width, box.y + (y / HEIGHT) * box.height);
  await visit.until("a busy stage or its answer", "document.querySelector('.thing')", 20_000);
  await visit.until("the answer", "!document.querySelector('.stage[data-busy]')");
}

/** What the row of a thing says, as screen readers have it. */
const rows = () => visit.page.$$eval(".thing-strip", (strips) => strips.map((strip) => strip.ariaLabel ?? ""));

async function toFrame(frame: number): Promise<void> {
  await visit.page.$eval(
    "input[type=range]",
    (slider, value) => {
      (slider as HTMLInputElement).value = String(value);
      slider.dispatchEvent(new Event("input"));
    },
    frame,
  );
  await visit.until("the frame", `document.querySelector('.stage').ariaLabel.includes('frame ${frame + 1},')`);
}

async function saved(button: string): Promise<{ type: string; bytes: Buffer }> {
  await visit.page.evaluate(() => Object.assign(globalThis, { saved: undefined }));
  await visit.press(button);
  await visit.until("a saved file", "globalThis.saved");
  const { type, base64 } = await visit.page.evaluate(async () => {
    const { saved: blob } = globalThis as unknown as { saved: Blob };
    const url = await new Promise<string>((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result));
      reader.readAsDataURL(blob);
    });
    return { type: blob.type, base64: url.slice(url.indexOf(",") + 1) };
  });
  return { type, bytes: Buffer.from(base64, "base64") };
}

/** The stored members of a zip, read by its directory; their checksums are compared. */
function unzip(bytes: Buffer): Map<string, Buffer> {
  const end = bytes.length - 22;
  expect(bytes.readUInt32LE(end)).toBe(0x06054b50);
  const files = new Map<string, Buffer>();
  for (let i = 0, at = bytes.readUInt32LE(end + 16); i < bytes.readUInt16LE(end + 10); i++) {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50);
    const [crc, size, nameLength, local] = [16, 24, 28, 42].map((field) =>
      field === 28 ? bytes.readUInt16LE(at + field) : bytes.readUInt32LE(at + field),
    ) as [number, number, number, number];
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(start, start + size);
    expect(crc32(data)).toBe(crc);
    files.set(bytes.toString("utf8", at + 46, at + 46 + nameLength), data);
    at += 46 + nameLength;
  }
  return files;
}

it("a click gives a mask at once, and it is followed through all frames", async () => {
  await click(110, 115);
  expect(await rows()).toEqual(["Object 1: there in 1 frames, gone in 0, clicked in 1"]);
  await visit.press("Follow");
  await visit.until("the end", `document.getElementById('state').textContent.startsWith('${FRAMES} frames')`);
  const [row = ""] = await rows();
  const [there = 0, gone = 0] = [...row.matchAll(/in (\d+)/g)].map(([, count]) => Number(count));
  console.log(row, await visit.text("#state"));
  expect(there + gone).toBe(FRAMES);
  await visit.shoot("follow-followed");
});

it("the zip has a mask of every frame, on the balloon from the first to the last", async () => {
  const { type, bytes } = await saved("Masks as PNGs, zipped");
  expect(type).toBe("application/zip");
  const files = unzip(bytes);
  expect([...files.keys()]).toEqual(
    Array.from({ length: FRAMES }, (_, i) => `object-1/${String(i).padStart(5, "0")}.png`),
  );
  // Edges of the balloon: x0, y0, x1, y1.
  for (const [frame, ...balloon] of [
    [0, 82, 78, 139, 165],
    [3, 88, 71, 145, 158],
    [7, 96, 63, 153, 150],
  ] as const) {
    const png = files.get(`object-1/${String(frame).padStart(5, "0")}.png`);
    const { data, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([WIDTH, HEIGHT]);
    expect(new Set(data)).toEqual(new Set([0, 255]));
    expect(boxIou(edgesOf(data), balloon), `frame ${frame}: IoU of the mask's box and the balloon's`).toBeGreaterThan(
      0.5,
    );
    const inside = data.reduce((sum, value) => sum + Number(value > 0), 0);
    expect(inside).toBeLessThan(0.05 * WIDTH * HEIGHT);
  }
});

type Edges = readonly [number, number, number, number];

function edgesOf(mask: Uint8Array): Edges {
  const at = [...mask.keys()].filter((i) => mask[i]);
  const [xs, ys] = [at.map((i) => i % WIDTH), at.map((i) => Math.floor(i / WIDTH))];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
}

function boxIou(a: Edges, b: Edges): number {
  const area = ([x0, y0, x1, y1]: Edges) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
  const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return both / (area(a) + area(b) - both);
}

it("a correction is of its frame, and goes on from there", async () => {
  await toFrame(5);
  await visit.press("Not this");
  await click(330, 30);
  expect((await rows())[0]).toContain("clicked in 2");
  await visit.press("From here on");
  await visit.until("the end", "document.getElementById('state').textContent.startsWith('3 frames')");
  await visit.press("This");
});

it("a second object has a colour and a row of its own; stopping keeps what was found", async () => {
  await toFrame(0);
  await visit.press("Another object");
  await click(60, 62);
  expect((await rows()).length).toBe(2);
  await visit.page.focus(".thing-name");
  await visit.page.keyboard.press("Enter");
  expect(await visit.page.$eval(".thing-name", (name) => name === document.activeElement && name.ariaPressed)).toBe(
    "true",
  );
  await visit.press("Follow");
  await visit.press("Stop");
  await visit.until("it stopped", "document.getElementById('status').textContent.includes('What was found is kept')");
  await visit.press("Remove Object 2");
  expect((await rows()).length).toBe(1);
});

it("the film of what was cut out plays", async () => {
  const { type, bytes } = await saved("Cut-out film");
  expect(type).toMatch(/^video\/webm/);
  const size = await visit.page.evaluate(async (base64) => {
    const video = document.createElement("video");
    const blob = await (await fetch(`data:video/webm;base64,${base64}`)).blob();
    video.src = URL.createObjectURL(blob);
    await new Promise((resolve, reject) => {
      video.onloadeddata = resolve;
      video.onerror = () => reject(new Error(video.error?.message));
    });
    return [video.videoWidth, video.videoHeight];
  }, bytes.toString("base64"));
  expect(size).toEqual([WIDTH, HEIGHT]);
  film = bytes;
});

it("a film that is dropped is opened: its frames are seeked, and clicked on", async () => {
  const path = join(site.folder, "cut.webm");
  await writeFile(path, film);
  await visit.drop({ path, type: "video/webm" });
  await visit.until("the film", "/cut.webm  384 × 256, [1-9][0-9]* frames/.test(document.body.innerText)");
  await visit.until("its frame", "document.querySelector('.stage').ariaLabel.includes('frame 1,')");
  await click(110, 115);
  expect(await rows()).toEqual([expect.stringContaining("clicked in 1")]);
});

it("of a camera the newest frame is taken, until it is stopped; then it is clicked on again", async () => {
  await visit.press("Use the camera");
  await visit.until("the camera", "document.querySelector('.stage').ariaLabel.includes('camera')");
  await click(160, 120);
  await visit.press("Follow");
  await visit.until("three frames", "/[3-9] frames, [0-9.]+ a second/.test(document.querySelector('main').innerText)");
  await visit.press("Stop");
  await visit.until("it stopped", "!document.querySelector('[data-following]')");
  await click(200, 60);
  expect(visit.errors).toEqual([]);
});

it("is accessible with things on it, and fits a phone", async () => {
  await visit.check();
});

it("the example comes with the page", async () => {
  await visit.press("Take the example");
  await visit.sees("example  384 × 256, 32 frames");
  expect(await rows()).toEqual([]);
});
