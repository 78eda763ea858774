// DINO's part of `npm start`: a picture of what it sees in some photos. Beside each photo, the photo lit where the
// model looks, and its patches in colours: what is alike to the model has the same colour in all of them.
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import card from "../checkpoints/tiny-dino/card.json";
import { attentionMaps, type Device, Dino, type DinoFeatures, type PcaPicture, pca } from "../src/index.ts";
import { bold, type Stopwatch } from "./terminal.ts";

const PHOTOS = ["drawn-horse.jpg", "chelsea.png", "truck.jpg", "drawn-ship.jpg"];

// tiny-dino was trained on pictures of 64 pixels; more patches show more. One size for all compiles once.
const SIZE = [160, 240] as const;

const model = fileURLToPath(new URL("../checkpoints/tiny-dino", import.meta.url));

/** Writes dino.png into the folder. */
export async function showDino(device: Device, photos: readonly string[], folder: string, watch: Stopwatch) {
  const chosen = PHOTOS.flatMap((name) => photos.find((path) => path.endsWith(name)) ?? []);
  using dino = await watch.run("DINO: load the weights, compile", () => Dino.fromPretrained(model, { device }));
  const features = await watch.run(
    `DINO: ${chosen.length} pictures of ${SIZE.join(" x ")}`,
    async () => {
      const all: DinoFeatures[] = [];
      for (const photo of chosen) all.push(await dino.encodeImage(photo, { size: SIZE, attention: true }));
      return all;
    },
    chosen.length,
  );
  const path = join(folder, "dino.png");
  await mkdir(folder, { recursive: true });
  await watch.run("DINO: colours, and the picture", async () => {
    await draw(chosen, features, pca(features).pictures, path);
  });
  console.log(`\n${bold("DINO: what it sees")}, without a label ever: ${relative(process.cwd(), path) || path}`);
  console.log(`  tiny-dino, the small model that ships, knows ${card.knows}`);
  console.log("  Each row: the photo, where the model looks, and its patches, coloured by what is alike");
}

const [WIDTH, HEIGHT, GAP] = [360, 240, 12] as const;

/** A row for each photo. */
async function draw(photos: string[], features: DinoFeatures[], colours: PcaPicture[], path: string): Promise<void> {
  const cells: Buffer[] = [];
  for (const [i, photo] of photos.entries()) {
    const shown = await sharp(photo).autoOrient().resize(WIDTH, HEIGHT, { fit: "fill" }).removeAlpha().png().toBuffer();
    cells.push(shown, await lit(shown, features[i] as DinoFeatures), await painted(colours[i] as PcaPicture));
  }
  const placed = cells.map((input, i) => {
    return { input, left: GAP + (i % 3) * (WIDTH + GAP), top: GAP + Math.floor(i / 3) * (HEIGHT + GAP) };
  });
  const [width, height] = [3 * (WIDTH + GAP) + GAP, photos.length * (HEIGHT + GAP) + GAP];
  await sharp({ create: { width, height, channels: 3, background: "#15161a" } })
    .composite(placed)
    .png()
    .toFile(path);
}

/** The photo, dark where the class token does not look. */
async function lit(photo: Buffer, features: DinoFeatures): Promise<Buffer> {
  const heads = attentionMaps(features);
  const [{ width, height }] = heads as [(typeof heads)[number]];
  const sums = Array.from({ length: width * height }, (_, i) =>
    heads.reduce((sum, { data }) => sum + (data[i] ?? 0), 0),
  );
  const most = Math.max(...sums);
  const light = Uint8Array.from(sums, (sum) => 50 + 205 * Math.sqrt(sum / most));
  const input = await sharp(light, { raw: { width, height, channels: 1 } })
    .resize(WIDTH, HEIGHT, { fit: "fill", kernel: "cubic" })
    .png()
    .toBuffer();
  return sharp(photo)
    .composite([{ input, blend: "multiply" }])
    .png()
    .toBuffer();
}

function painted({ width, height, rgb }: PcaPicture): Promise<Buffer> {
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .resize(WIDTH, HEIGHT, { fit: "fill", kernel: "nearest" })
    .png()
    .toBuffer();
}
