// The example of the page "Follow anything": a balloon and a bird over a photograph that a camera moves along. The bird
// passes behind a tower and is back; the balloon grows as it comes nearer. Drawn when the site is built.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { ROOT } from "./bundle.mjs";

/** As demos/site/follow/desk.ts has it. */
const EXAMPLE_FRAMES = 32;
const [W, H] = [384, 256];

/** A balloon of stripes about its middle, `size` high. */
function balloon(x, y, size, turn) {
  const stripes = [-34, -17, 0, 17].map(
    (at, i) => `<path d="M${at} -60C${at * 1.3} -20 ${at * 0.8} 20 ${at * 0.3} 44L${(at + 17) * 0.3} 44
      C${(at + 17) * 0.8} 20 ${(at + 17) * 1.3} -20 ${at + 17} -60Z" fill="${["#d8232a", "#f7c948"][i % 2]}"/>`,
  );
  return `<g transform="translate(${x} ${y}) rotate(${turn}) scale(${size / 120})">
    <clipPath id="b"><path d="M0 -62C44 -62 46 -14 12 44H-12C-46 -14 -44 -62 0 -62Z"/></clipPath>
    <g clip-path="url(#b)"><rect x="-60" y="-70" width="120" height="130" fill="#d8232a"/>${stripes.join("")}</g>
    <path d="M-9 44L-7 54M9 44L7 54" stroke="#4a2f1b" stroke-width="2"/>
    <rect x="-8" y="53" width="16" height="12" rx="2" fill="#7a4a22"/></g>`;
}

/** A bird whose wings go up and down. */
function bird(x, y, beat) {
  const lift = 16 * Math.sin(beat);
  return `<g transform="translate(${x} ${y})">
    <path d="M-24 2C-10 -9 10 -9 22 -2L32 1L22 5C8 12 -12 11 -24 2Z" fill="#1d3f8f"/>
    <path d="M-24 2L-37 -5L-34 8Z" fill="#1d3f8f"/><circle cx="19" cy="0" r="2" fill="#fff"/>
    <path d="M-6 0C-12 ${-lift} -4 ${-lift * 1.7} 2 ${-lift * 2}C8 ${-lift} 12 -2 10 1Z" fill="#4f83e0"/></g>`;
}

const tower = (x) =>
  `<g transform="translate(${x} 0)"><rect x="0" y="66" width="40" height="190" fill="#6d5f55"/>
    <path d="M-6 66L20 30L46 66Z" fill="#8d3b2a"/><rect x="14" y="88" width="12" height="20" fill="#2b2522"/></g>`;

/** A frame of it, as JPEG. */
export async function demoFrame(i) {
  const photo = join(ROOT, "demos", "photos", "drawn-sunset.jpg");
  const ground = await sharp(photo)
    .resize(W + 96, H + 16, { fit: "cover" })
    .png()
    .toBuffer();
  const t = i / (EXAMPLE_FRAMES - 1);
  const pan = Math.round(90 * t);
  const drawn = [
    balloon(110 + 60 * t, 128 - 26 * Math.sin(3 * t), 96 + 44 * t, 7 * Math.sin(9 * t)),
    bird(60 + 330 * t, 62 + 14 * Math.sin(7 * t), i * 1.1),
    tower(262 - pan * 0.7),
  ];
  const size = `width="${W}" height="${H}"`;
  const over = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${drawn.join("")}</svg>`);
  const back = await sharp(ground).extract({ left: pan, top: 8, width: W, height: H }).toBuffer();
  return sharp(back)
    .composite([{ input: over }])
    .jpeg({ quality: 82, mozjpeg: true })
    .toBuffer();
}

/** Puts 00.jpg, 01.jpg and so on into a folder. */
export async function drawDemoClip(folder) {
  for (let i = 0; i < EXAMPLE_FRAMES; i++) {
    await writeFile(join(folder, `${String(i).padStart(2, "0")}.jpg`), await demoFrame(i));
  }
}
