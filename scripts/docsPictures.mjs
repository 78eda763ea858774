// Makes the pictures of the guides, docs/pictures/*.png, with the command line from the photos and checkpoints that
// ship: `node scripts/docsPictures.mjs`, or with names to make those alone.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { bundleForNode, ROOT } from "./bundle.mjs";

const WIDTH = 960;

const photo = (name) => join(ROOT, "demos/photos", name);

/** By name of the picture: the command, which writes to the place that it is given, and where there the picture is. */
const PICTURES = {
  attention: (out) => [["attention", photo("drawn-cat.jpg"), "--size", "128", "--out", `${out}.png`], `${out}.png`],
  pca: (out) => [["pca", ...["dog.jpg", "truck.jpg"].map(photo), "--size", "160", "--out", `${out}.png`], `${out}.png`],
  match: (out) => [
    ["match", photo("drawn-cat.jpg"), photo("chelsea.png"), "--mass", "0.6", "--top", "12", "--out", `${out}.png`],
    `${out}.png`,
  ],
  segment: (out) => [
    ["segment", photo("drawn-shapes.jpg"), "--point", "540,180", "--overlay", `${out}.png`],
    `${out}.png`,
  ],
  masks: (out) => [
    ["masks", photo("drawn-shapes.jpg"), "--points-per-side", "16", "--min-mask-region-area", "100", "--out", out],
    join(out, "drawn-shapes-masks.png"),
  ],
};

const program = await bundleForNode("src/cli/main.ts");
const chosenNames = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "pictures-"));
try {
  for (const [name, commandFor] of Object.entries(PICTURES)) {
    if (chosenNames.length > 0 && !chosenNames.includes(name)) continue;
    const [args, picturePath] = commandFor(join(folder, name));
    const { status } = spawnSync(process.execPath, [program, ...args, "--quiet"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (status !== 0) throw new Error(`webgpu-vision ${args.join(" ")} ended with ${status}`);
    const path = join(ROOT, "docs/pictures", `${name}.png`);
    const { size } = await sharp(picturePath)
      .resize({ width: WIDTH, withoutEnlargement: true })
      .png({ palette: true, quality: 90, effort: 10 })
      .toFile(path);
    console.log(`docs/pictures/${name}.png: ${(size / 1000).toFixed(0)} kB`);
  }
} finally {
  await rm(folder, { recursive: true });
}
