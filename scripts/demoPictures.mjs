// The start page's five pictures, made of the sample photographs and of what the shipped models drew (docs/pictures).
import { join } from "node:path";
import sharp from "sharp";
import { ROOT } from "./bundle.mjs";
import { demoFrame } from "./demoClip.mjs";

const [W, H] = [480, 320];
const jpeg = { quality: 80, mozjpeg: true };

const photo = (name) => join(ROOT, "demos", "photos", name);
const drawn = (name) => join(ROOT, "docs", "pictures", name);
const svg = (body) => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${W}" height="${H}">${body}</svg>`);

/** Photos side by side, one of them ringed. */
async function search(path) {
  const names = ["drawn-frog.jpg", "chelsea.png", "drawn-automobile.jpg", "drawn-horse.jpg"];
  const [w, h] = [W / 2, H / 2];
  const tiles = await Promise.all(names.map((name) => sharp(photo(name)).resize(w, h).toBuffer()));
  const ring = svg(
    '<path d="M282 24C340 2 442 4 464 44C488 90 448 146 368 152C290 158 238 132 246 78C252 36 306 12 390 8" ' +
      'fill="none" stroke="#ff5230" stroke-width="6" stroke-linecap="round"/>',
  );
  const placed = tiles.map((input, i) => ({ input, left: w * (i % 2), top: h * (i >> 1) }));
  await canvas([...placed, { input: ring }], path);
}

/** A photo, and from its middle on the colours of its patches. */
async function see(path) {
  const part = (left) => sharp(drawn("pca.png")).extract({ left, top: 340, width: 436, height: 300 });
  const left = await part(16).resize(W, H).toBuffer();
  const right = await part(480).resize(W, H, { kernel: "nearest" }).toBuffer();
  const half = await sharp(right)
    .extract({ left: W / 2, top: 0, width: W / 2, height: H })
    .toBuffer();
  const line = svg(`<path d="M${W / 2} 0V${H}" stroke="#fff" stroke-width="3"/>`);
  await canvas([{ input: left }, { input: half, left: W / 2, top: 0 }, { input: line }], path);
}

/** What one click gives. */
async function cut(path) {
  const part = { left: 300, top: 20, width: 330, height: 220 };
  await sharp(drawn("segment.png")).extract(part).resize(W, H).jpeg(jpeg).toFile(path);
}

/** Three frames of the example, with a line along which something goes. */
async function follow(path) {
  const frames = await Promise.all([2, 16, 30].map((frame) => demoFrame(frame)));
  const w = W / 3;
  const parts = await Promise.all(frames.map((frame) => sharp(frame).resize(w, H, { fit: "cover" }).toBuffer()));
  const placed = parts.map((input, i) => ({ input, left: w * i, top: 0 }));
  const cuts = [1, 2].map((i) => `<path d="M${w * i} 0V${H}" stroke="#141517" stroke-width="6"/>`).join("");
  const way = "M64 206C150 120 200 250 262 170C320 100 380 210 440 96M440 96L414 104M440 96L444 124";
  const line = `<path d="${way}" fill="none" stroke="#ff5230" stroke-width="7" stroke-linecap="round"/>`;
  await canvas([...placed, { input: svg(cuts + line) }], path);
}

/** Bars of times with a tick. */
async function verify(path) {
  const widths = [70, 120, 54, 210, 150, 320, 96, 180];
  const bars = widths.map(
    (width, i) => `<rect x="40" y="${34 + 33 * i}" width="${width}" height="17" fill="#efb04c"/>`,
  );
  const tick =
    '<path d="M236 176C256 200 268 226 278 262C312 176 362 104 432 48" fill="none" stroke="#ff5230" ' +
    'stroke-width="13" stroke-linecap="round"/>';
  await canvas([{ input: svg(bars.join("") + tick) }], path);
}

async function canvas(layers, path) {
  const ground = { create: { width: W, height: H, channels: 3, background: "#2a2d31" } };
  await sharp(ground).composite(layers).jpeg(jpeg).toFile(path);
}

/** Puts search.jpg, see.jpg, cut.jpg, follow.jpg and verify.jpg into a folder. */
export async function drawDemoPictures(folder) {
  const all = { search, see, cut, follow, verify };
  await Promise.all(Object.entries(all).map(([name, draw]) => draw(join(folder, `${name}.jpg`))));
}
