// SAM 2.1 and EdgeTAM on pictures against transformers: the maps of the backbone's stages, the pyramid, what the
// decoder is given of a picture, and every kind of prompt from what PyTorch had.
import { describe, expect, it } from "vitest";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Value } from "../../src/graph/graph.ts";
import { edgeTamNaming } from "../../src/models/edgetam/names.ts";
import { edgeTamConfig } from "../../src/models/edgetam/readConfig.ts";
import { featurePyramid, type PyramidConfig, stagesOf } from "../../src/models/sam2/imageEncoder.ts";
import { skipsOf } from "../../src/models/sam2/maskDecoder.ts";
import { sam2Naming } from "../../src/models/sam2/names.ts";
import { embeddingOf } from "../../src/models/sam2/parts.ts";
import { sam2Config } from "../../src/models/sam2/readConfig.ts";
import { testDevice } from "../adapters.ts";
import { channelsLast, firstDifference, readGolden, relativeError } from "./parity.ts";
import { type Build, byParts, decode, iou, KINDS, of, pixelsOf, run } from "./sam2Parity.ts";

const TOLERANCE = 1e-4;

const MODELS = [
  { name: "small-sam2", config: sam2Config, naming: sam2Naming, hasMasks: true },
  { name: "small-sam2-whole-windows", config: sam2Config, naming: sam2Naming, hasMasks: true },
  { name: "small-edgetam", config: edgeTamConfig, naming: edgeTamNaming, hasMasks: true },
  { name: "small-edgetam-repvit-m0-9", config: edgeTamConfig, naming: edgeTamNaming, hasMasks: false },
];

describe.each(MODELS)("$name", ({ name, config, naming, hasMasks }) => {
  const folder = `test/golden/${name}`;
  const model = { folder, config, naming };

  it("stages, pyramid and what the decoder is given, f32: each within 1e-4 of its largest value", async () => {
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const build: Build = (graph, w, config) => {
      const vision = config.vision as PyramidConfig;
      const stages = stagesOf(pixelsOf(graph, "f32", config), w, vision);
      const levels = featurePyramid(stages, w, vision);
      return {
        ...Object.fromEntries(stages.map((stage, i) => [`stage.${i}`, stage])),
        "level.1": levels[1] as Value,
        image_embeddings: embeddingOf(levels[2] as Value, w),
        ...skipsOf(levels, w),
      };
    };
    const pixels = channelsLast(of(golden, "pixel_values")).data;
    const got = await run(await testDevice(), model, build, { pixels });
    const embeddings: [string, NdArray] = ["image_embeddings", channelsLast(of(golden, "image_embeddings"))];
    const skip = (key: string, levels: number): NdArray => ({ data: byParts(of(golden, key), levels), shape: [] });
    const skips: Record<string, NdArray> = hasMasks ? { skip0: skip("skip.0", 2), skip1: skip("skip.1", 1) } : {};
    const expected = new Map<string, NdArray>([...golden, embeddings, ...Object.entries(skips)]);
    const maps = ["stage.0", "stage.1", "stage.2", "stage.3", "level.1", "image_embeddings"];
    const compared = [...maps, ...Object.keys(skips)];
    const errors = compared.map((key) => relativeError((got[key] as NdArray).data, of(expected, key).data));
    console.log(`${name}: largest errors of ${compared.map((key, i) => `${key} ${errors[i]?.toExponential(1)}`)}`);
    expect(firstDifference(got, expected, compared, TOLERANCE)).toBeUndefined();
  });

  it.each(hasMasks ? KINDS : [])(
    "%s, f32: masks, scores and object scores within 1e-4 of the largest",
    async (kind) => {
      const golden = await readGolden(`${folder}/golden.safetensors`);
      const got = await decode(await testDevice(), model, golden, kind, "f32");
      const masks = of(golden, `${kind}.low_res_masks`).data;
      expect(relativeError(got.masks, masks)).toBeLessThanOrEqual(TOLERANCE);
      expect(relativeError(got.scores, of(golden, `${kind}.iou_scores`).data)).toBeLessThanOrEqual(TOLERANCE);
      const objectScores = of(golden, `${kind}.object_score_logits`).data;
      expect(got.objectScores.length).toBe(objectScores.length);
      expect(Math.max(...got.objectScores.map((x, i) => Math.abs(x - (objectScores[i] ?? 0))))).toBeLessThanOrEqual(
        1e-4,
      );
      expect(iou(got.masks, masks)).toBeGreaterThanOrEqual(0.999);
    },
  );

  if (!hasMasks) return;

  it("points, f16: masks with an IoU of 0.99", async (context) => {
    const device = await testDevice();
    if (!device.hasF16) return context.skip("this adapter has no shader-f16");
    const golden = await readGolden(`${folder}/golden.safetensors`);
    const { masks } = await decode(device, model, golden, "points", "f16");
    expect(iou(masks, of(golden, "points.low_res_masks").data)).toBeGreaterThanOrEqual(0.99);
  });
});
