// SAM 2.1 with Hiera tiny and EdgeTAM at their real sizes through a video of two frames (seeded weights): a click's
// mask, and that of the frame after it, which looks at the memory of the first. SAM 2.1 comes under the original names
// alone, against the code of facebookresearch/sam2; EdgeTAM against transformers. Every 8th row and column.
// `npm run test:slow`.
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import type { VideoMask } from "../../src/api/segmentedVideo.ts";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";
import { readGolden, relativeError } from "../models/parity.ts";

const MODELS = [
  { name: "sam2.1-hiera-tiny-original", hasConfig: false },
  { name: "edgetam", hasConfig: true },
];
const [SIDE, L, EVERY] = [1024, 256, 8];

/** As scripts/goldenSam2.py makes them. */
function pattern(frame: number): RawImage {
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
    return (Math.floor(x / 5) * 7 + Math.floor(y / 3) * 11 + c * 50 + frame * 20) % 256;
  });
  return { width: SIDE, height: SIDE, channels: 3, data };
}

it.each(MODELS)("$name: the masks of a click and of the frame after it", async ({ name, hasConfig }) => {
  const device = await testDevice();
  const folder = `test/golden/${name}`;
  const golden = await readGolden(`${folder}/golden.safetensors`);
  await withSeededCheckpoint(`${folder}/manifest.json`, async (path) => {
    if (hasConfig) await copyFile(`${folder}/config.json`, join(dirname(path), "config.json"));
    using segmenter = await VideoSegmenter.fromPretrained(dirname(path), { device });
    using video = await segmenter.open([0, 1].map(pattern));
    const logits = { returnLogits: true };
    const start = performance.now();
    const masksOfFrames = [await video.addPrompt(0, 1, { points: [{ x: 700, y: 520 }] }, logits)];
    for await (const { masks } of video.propagate({ from: 1, ...logits }))
      masksOfFrames.push(masks.get(1) as VideoMask);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${name}: two frames in ${seconds} s, ${video.bytes >> 20} MiB of the video`);
    for (const [frame, { lowResLogits = new Float32Array(), score }] of masksOfFrames.entries()) {
      const rows = L / EVERY;
      const thinned = Float32Array.from({ length: rows * rows }, (_, i) => {
        return lowResLogits[EVERY * (Math.floor(i / rows) * L + (i % rows))] ?? Number.NaN;
      });
      const error = relativeError(thinned, golden.get(`video.${frame}.logits`)?.data ?? []);
      const ofScore = Math.abs(score - (golden.get(`video.${frame}.score`)?.data[0] ?? Number.NaN));
      console.log(
        `frame ${frame}: logits ${error.toExponential(1)} of the largest, object score ${ofScore.toExponential(1)}`,
      );
      expect(error).toBeLessThanOrEqual(1e-3);
      expect(ofScore).toBeLessThanOrEqual(1e-3);
    }
  });
});
