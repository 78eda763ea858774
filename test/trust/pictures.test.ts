// Pictures that are broken on purpose, of every format: flipped bits, bytes that are missing or stand twice, and files
// that end early. Each gives pixels of the size that it says, or an ImageError. TRUST=all tries a hundred times as
// many.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ImageError } from "../../src/device/errors.ts";
import { random } from "../../src/device/random.ts";
import { loadImage } from "../../src/io/image/image.ts";

const FOLDERS = ["test/golden/pictures", "test/golden/pictureFormats"];
/** Of each file. */
const CASES = process.env.TRUST === "all" ? 200 : 2;

/** The file with one to three changes, most of them near its beginning, where formats say what they are. */
function broken(file: Uint8Array, draw: () => number): Uint8Array {
  let bytes = Uint8Array.from(file);
  const place = () => Math.floor(draw() ** 3 * bytes.length);
  for (let change = 0; change <= draw() * 3; change++) {
    const [kind, at] = [Math.floor(draw() * 5), place()];
    if (kind === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(draw() * 8));
    if (kind === 1) bytes.fill(Math.floor(draw() * 256), at, at + Math.floor(draw() * 4) + 1);
    if (kind === 2) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + draw() * 8)]);
    if (kind === 3) bytes = Uint8Array.from([...bytes.subarray(0, at + 4), ...bytes.subarray(at)]);
    if (kind === 4 && bytes.length > 64) bytes = bytes.subarray(0, Math.max(32, at));
  }
  return bytes;
}

const files = FOLDERS.flatMap((folder) => {
  return readdirSync(folder).flatMap((name) => (name.endsWith(".json") ? [] : [`${folder}/${name}`]));
});

it("give pixels, or an ImageError", { timeout: 3_600_000 }, async () => {
  const draw = random(1);
  const counts = { read: 0, refused: 0 };
  let longestMs = 0;
  for (const path of files) {
    const file = readFileSync(path);
    for (let i = 0; i < CASES; i++) {
      const began = performance.now();
      try {
        const { width, height, data } = await loadImage(broken(file, draw));
        expect(data.length, path).toBe(width * height * 4);
        counts.read++;
      } catch (error) {
        if (!(error instanceof ImageError)) throw new Error(`${path}, case ${i}: ${error}`, { cause: error });
        expect(error.message.length).toBeLessThanOrEqual(4000);
        counts.refused++;
      }
      longestMs = Math.max(longestMs, performance.now() - began);
    }
  }
  console.log(`pictures: ${counts.read} read, ${counts.refused} refused, ${longestMs.toFixed(0)} ms at most`);
  expect(counts.read).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(0);
});
