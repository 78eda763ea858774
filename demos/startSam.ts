// SAM's part of `npm start`: one photo, segmented at a click, and everything that is found in it.
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import card from "../checkpoints/tiny-sam/card.json";
import { type Device, type Mask, maskPolygons, Sam } from "../src/index.ts";
import { bold, type Stopwatch } from "./terminal.ts";

const PHOTO = "drawn-shapes.jpg";
const CLICK = { x: 540, y: 180, label: 1 } as const;

// tiny-sam sees little in 256 pixels and is seldom sure: a coarser grid and lower thresholds than SAM's own.
const EVERYTHING = {
  pointsPerSide: 12,
  predIouThresh: 0.35,
  stabilityScoreThresh: 0.6,
  stabilityScoreOffset: 0.4,
  minMaskRegionArea: 100,
};

const model = fileURLToPath(new URL("../checkpoints/tiny-sam", import.meta.url));

/** Writes sam.png into the folder. */
export async function showSam(device: Device, photos: readonly string[], folder: string, watch: Stopwatch) {
  const photo = photos.find((path) => path.endsWith(PHOTO));
  if (photo === undefined) throw new Error(`there is no ${PHOTO} among the photos`);
  using sam = await watch.run("SAM: load the weights, compile", () => Sam.fromPretrained(model, { device }));
  using scene = await watch.run("SAM: encode the picture", () => sam.encodeImage(photo));
  const masks = await watch.run("SAM: a click", () => scene.predict({ points: [CLICK], multimask: true }));
  const best = masks.reduce((a, b) => (b.score > a.score ? b : a));
  const records = await watch.run(
    `SAM: everything, by ${EVERYTHING.pointsPerSide ** 2} clicks`,
    () => sam.generateMasks(photo, EVERYTHING),
    EVERYTHING.pointsPerSide ** 2,
  );
  const everything = records.map(({ segmentation }) => segmentation);
  const path = join(folder, "sam.png");
  await mkdir(folder, { recursive: true });
  await draw(photo, { width: best.width, height: best.height, data: best.mask }, everything, path);
  console.log(`\n${bold("SAM: what belongs together")}: ${relative(process.cwd(), path) || path}`);
  console.log(`  tiny-sam, the small model that ships, knows ${card.knows}`);
  console.log(`  ${PHOTO} at a click (the model predicts an IoU of ${best.score.toFixed(2)}),`);
  console.log(`  and everything: ${everything.length} masks`);
}

const GAP = 12;

/** The photo with the mask of the click beside the photo with all masks. */
async function draw(photo: string, clicked: Mask, everything: readonly Mask[], path: string): Promise<void> {
  const { width, height } = clicked;
  const outline = pathOf(clicked);
  const click = `<circle cx="${CLICK.x}" cy="${CLICK.y}" r="7" fill="#37d67a" stroke="#fff" stroke-width="2.5"/>`;
  const dark = `<path d="M0 0H${width}V${height}H0Z${outline}" fill="#0b0d12" fill-opacity="0.6" fill-rule="evenodd"/>`;
  const edge = `<path d="${outline}" fill="none" stroke="#5ec8ff" stroke-width="2.5"/>`;
  const area = ({ data }: Mask) => data.reduce((sum, pixel) => sum + pixel, 0);
  const coloured = [...everything]
    .sort((a, b) => area(b) - area(a))
    .map((mask, i) => {
      const hue = (i * 137.5) % 360; // the golden angle: neighbours in the order never look alike
      const style = `fill="hsl(${hue}, 85%, 55%)" fill-opacity="0.5" stroke="hsl(${hue}, 90%, 80%)" stroke-width="1.5"`;
      return `<path d="${pathOf(mask)}" fill-rule="evenodd" ${style}/>`;
    });
  const layers = [dark + edge + click, coloured.join("")].map((content) => {
    return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`);
  });
  const pictures = await Promise.all(
    layers.map((input) => sharp(photo).autoOrient().composite([{ input }]).png().toBuffer()),
  );
  const size = { width: 2 * width + 3 * GAP, height: height + 2 * GAP };
  await sharp({ create: { ...size, channels: 3, background: "#15161a" } })
    .composite(pictures.map((input, i) => ({ input, left: GAP + i * (width + GAP), top: GAP })))
    .png()
    .toFile(path);
}

function pathOf(mask: Mask): string {
  return maskPolygons(mask)
    .map((ring) => `M${ring.join(" ")}Z`)
    .join("");
}
