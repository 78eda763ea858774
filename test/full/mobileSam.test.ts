// MobileSAM at its real size, from a file under the original names alone (seeded weights), against its original code's
// SamPredictor on the same photo: logits (every 4th row and column is kept), scores and areas.
import { dirname } from "node:path";
import sharp from "sharp";
import { expect, it } from "vitest";
import { withSeededCheckpoint } from "../../scripts/seeded.ts";
import { Sam } from "../../src/api/sam.ts";
import type { SamMask } from "../../src/api/samScene.ts";
import { verifyModel } from "../../src/check/verifyModel.ts";
import { testDevice } from "../adapters.ts";
import { cosine, readGolden, relativeError } from "../models/parity.ts";

const FOLDER = "test/golden/mobile-sam";
const STEP = 4;

// Of the logits' cosine. With these random weights the decoder magnifies any change: in f32, an embedding moved at
// random by as much as int8 weights move it (a cosine of 0.99984) brings masks to cosines of 0.94 to 0.99. What int8
// does to the embedding is bounded in test/models/tinyVit.test.ts, to masks of a trained model in test/api/sam.test.ts.
const LEAST_COSINE = { f32: 0.99999, q8: 0.94 } as const;

it("gives the original's masks at a point and in a box", async () => {
  const device = await testDevice();
  const golden = await readGolden(`${FOLDER}/predictions.safetensors`);
  const of = (name: string) => golden.get(name)?.data ?? new Float32Array();
  const [height = 0, width = 0] = of("original_size");
  const [x = 0, y = 0] = of("point_xy");
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = of("box_xyxy");
  const cut = sharp("demos/photos/astronaut.png").removeAlpha().extract({ left: 0, top: 0, width, height });
  const photo = { width, height, channels: 3 as const, data: new Uint8Array(await cut.raw().toBuffer()) };
  await withSeededCheckpoint(`${FOLDER}/manifest.json`, async (path) => {
    for (const dtype of ["f32", "q8"] as const) await check(dirname(path), dtype);
  });

  async function check(folder: string, dtype: "f32" | "q8"): Promise<void> {
    const sam = await Sam.fromPretrained(folder, { device, dtype });
    const start = performance.now();
    const scene = await sam.encodeImage(photo);
    const seconds = (performance.now() - start) / 1000;
    const predicted = {
      point: await scene.predict({ points: [{ x, y }] }),
      box: await scene.predict({ box: [x0, y0, x1, y1], multimask: false }),
    };
    scene.dispose();
    sam.dispose();
    for (const [name, masks] of Object.entries(predicted)) {
      const [ours, reference] = [thinned(masks), of(`${name}.low_res_masks`)];
      const [error, likeness] = [relativeError(ours, reference), cosine(ours, reference)];
      const scores = masks.map(({ score }, i) => Math.abs(score - (of(`${name}.iou_scores`)[i] ?? Number.NaN)));
      const areas = masks.map(({ mask }, i) => {
        const area = mask.reduce((sum, pixel) => sum + pixel, 0);
        return Math.abs(area - (of(`${name}.masks_area`)[i] ?? Number.NaN)) / mask.length;
      });
      console.log(
        `mobile-sam ${dtype} ${name}: logits within ${error.toExponential(1)}, cosine ${likeness.toFixed(6)}, ` +
          `scores ${Math.max(...scores).toExponential(1)}, ` +
          `areas ${Math.max(...areas).toExponential(1)}; encoded in ${seconds.toFixed(1)} s`,
      );
      expect(likeness).toBeGreaterThanOrEqual(LEAST_COSINE[dtype]);
      if (dtype === "q8") continue;
      expect(error).toBeLessThanOrEqual(1e-3);
      expect(Math.max(...scores)).toBeLessThanOrEqual(1e-3);
      expect(Math.max(...areas)).toBeLessThanOrEqual(1e-3);
    }
  }
}, 900_000);

it("as it ships gives PyTorch's outputs in every type", async () => {
  const device = await testDevice();
  const types = new Set<string>();
  for await (const { name, dtype, error, failures } of verifyModel(device, "checkpoints/seeded-mobile-sam")) {
    console.log(`mobile-sam ${name} ${dtype ?? ""}: ${error.toExponential(1)}`);
    expect(failures, `${name} in ${dtype}`).toEqual([]);
    types.add(dtype ?? "");
  }
  expect(types).toEqual(new Set(device.hasF16 ? ["f32", "f16"] : ["f32"]));
}, 900_000);

/** Every n-th row and column of the logits. */
function thinned(masks: readonly SamMask[]): number[] {
  return masks.flatMap(({ lowResLogits }) => {
    const side = Math.sqrt(lowResLogits.length);
    return [...lowResLogits].filter((_, i) => Math.floor(i / side) % STEP === 0 && (i % side) % STEP === 0);
  });
}
