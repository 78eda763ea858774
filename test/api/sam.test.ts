// Sam through the public API: small models against PyTorch from the photo, every kind of prompt, batches, refinement,
// and bad input that leaves nothing on the GPU.
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import type { SamScene } from "../../src/api/samScene.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, CheckpointError, DisposedError } from "../../src/device/errors.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SamPrompt } from "../../src/models/sam/prompts.ts";
import { testDevice } from "../adapters.ts";
import { cosine, readGolden, relativeError } from "../models/parity.ts";

const FOLDER = "test/golden/small-sam";
let device: Device;
let golden: ReadonlyMap<string, NdArray>;
let photo: RawImage;
let sam: Sam;
let scene: SamScene;

const of = (name: string) => {
  const tensor = golden.get(name);
  if (!tensor) throw new RangeError(`the golden has no ${name}`);
  return tensor.data;
};

/** The upper part of the photo, as scripts/golden.py cuts it. */
async function picture(): Promise<RawImage> {
  const [height = 0, width = 0] = of("original_size");
  const cut = sharp("demos/photos/astronaut.png").removeAlpha().extract({ left: 0, top: 0, width, height });
  return { width, height, channels: 3, data: new Uint8Array(await cut.raw().toBuffer()) };
}

beforeAll(async () => {
  device = await testDevice();
  golden = await readGolden(`${FOLDER}/golden.safetensors`);
  photo = await picture();
  sam = await Sam.fromPretrained(FOLDER, { device });
  scene = await sam.encodeImage(photo);
});
afterAll(() => {
  scene.dispose();
  sam.dispose();
});

const pointOf = (i: number) => ({ x: of("prompt.points_xy")[2 * i] ?? 0, y: of("prompt.points_xy")[2 * i + 1] ?? 0 });
const boxOf = () => {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = of("prompt.box_xyxy");
  return [x0, y0, x1, y1] as const;
};
const area = (mask: Uint8Array) => mask.reduce((sum, pixel) => sum + pixel, 0);

describe("from the photo, as PyTorch", () => {
  it("a point: three masks with their logits, scores and sizes", async () => {
    const masks = await scene.predict({ points: [pointOf(0)], returnLogits: true });
    expect(masks).toHaveLength(3);
    const lowRes = Float32Array.from(masks.flatMap(({ lowResLogits }) => [...lowResLogits]));
    expect(relativeError(lowRes, of("point.low_res_masks"))).toBeLessThanOrEqual(5e-3);
    for (const [i, { mask, logits, score, width, height }] of masks.entries()) {
      expect([width, height, mask.length]).toEqual([photo.width, photo.height, photo.width * photo.height]);
      expect(score).toBeCloseTo(of("point.iou_scores")[i] ?? 0, 2);
      expect(mask.every((pixel, at) => pixel === Number((logits?.[at] ?? 0) > 0))).toBe(true);
      const expectedArea = of("point.masks_area")[i] ?? 0;
      expect(Math.abs(area(mask) - expectedArea)).toBeLessThanOrEqual(0.002 * mask.length);
    }
  });

  it("a box: one mask", async () => {
    const [only, ...more] = await scene.predict({ box: boxOf(), multimask: false });
    expect(more).toEqual([]);
    expect(relativeError(only?.lowResLogits ?? [], of("box.low_res_masks"))).toBeLessThanOrEqual(5e-3);
  });

  it("the best mask of a point, refined", async () => {
    const maskInput = of("mask+point.input_mask");
    const [refined] = await scene.predict({ points: [pointOf(0)], maskInput, multimask: false });
    expect(relativeError(refined?.lowResLogits ?? [], of("mask+point.low_res_masks"))).toBeLessThanOrEqual(5e-3);
  });
});

describe("prompts", () => {
  it("in a batch give what they give alone, in the order given", async () => {
    const prompts = [
      { points: [pointOf(0)] },
      { box: boxOf() },
      { points: [pointOf(1), { ...pointOf(2), label: 0 }] },
      { points: [pointOf(2)] },
      { points: [pointOf(1)], box: boxOf() },
    ];
    const together = await scene.predictBatch(prompts, { multimask: false });
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await scene.predict({ ...prompt, multimask: false });
      expect(relativeError(together[i]?.[0]?.lowResLogits ?? [], alone?.lowResLogits ?? [])).toBeLessThan(1e-4);
    }
  });

  it("with a mask each, in a batch, give what they give alone", async () => {
    const [low] = await scene.predict({ points: [pointOf(0)], multimask: false });
    const maskInput = low?.lowResLogits ?? new Float32Array();
    const prompts = [
      { points: [pointOf(0)], maskInput },
      { points: [pointOf(1)], maskInput: maskInput.map((logit) => -logit) },
    ];
    const together = await scene.predictBatch(prompts, { multimask: false });
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await scene.predict({ ...prompt, multimask: false });
      expect(relativeError(together[i]?.[0]?.lowResLogits ?? [], alone?.lowResLogits ?? [])).toBeLessThan(1e-4);
    }
  });

  it("boxes: the masks of each", async () => {
    const [x0, y0, x1, y1] = boxOf();
    const boxes = [boxOf(), [x0, y0, (x0 + x1) / 2, y1]] as const;
    const masks = await scene.predict({ boxes, multimask: false });
    expect(masks.map((candidates) => candidates.length)).toEqual([1, 1]);
    expect(masks[0]?.[0]?.mask).not.toEqual(masks[1]?.[0]?.mask);
  });

  it("outside the picture are taken as they are", async () => {
    const [mask] = await scene.predict({ points: [{ x: -20, y: photo.height + 50 }], multimask: false });
    expect(mask?.score).toSatisfy(Number.isFinite);
  });

  it.each([
    ["nothing", {}, /the prompt is empty/],
    ["NaN", { points: [{ x: Number.NaN, y: 3 }] }, /a point is at NaN, 3/],
    ["a huge number", { points: [{ x: 1e12, y: 3 }] }, /a point is at 1000000000000, 3/],
    ["a label that is none", { points: [{ x: 1, y: 3, label: 2 }] }, /has the label 2, expected 1/],
    ["a box inside out", { box: [9, 9, 3, 20] as const }, /box is \[9, 9, 3, 20\]/],
    ["a mask of the wrong size", { maskInput: new Float32Array(9) }, /maskInput has 9 elements, expected 4096/],
    ["a mask with NaN", { maskInput: new Float32Array(4096).fill(Number.NaN) }, /has a NaN/],
    ["nothing at all", undefined, /a prompt is undefined/],
    ["points that are no list", { points: { x: 1, y: 2 } }, /points is { x: 1, y: 2 }, expected a list/],
    ["null for points", { points: null }, /points is null, expected a list/],
    ["a point that is a pair", { points: [[3, 4]] }, /a point is \[3, 4\], expected { x, y }/],
    ["a point that is nothing", { points: [undefined] }, /a point is undefined, expected { x, y }/],
    ["a point of text", { points: [{ x: "3", y: 4 }] }, /a point is { x: "3", y: 4 }/],
    ["a label of text", { points: [{ x: 3, y: 4, label: "1" }] }, /the label "1", expected 1/],
    ["a label that is null", { points: [{ x: 3, y: 4, label: null }] }, /the label null/],
    ["a box of text", { box: "1,2,3,4" }, /box is "1,2,3,4", expected \[x0, y0, x1, y1\]/],
    ["a box with names", { box: { x: 1, y: 2, width: 3, height: 4 } }, /box is { x: 1, y: 2, width: 3, height: 4 }/],
    ["a box that is null", { box: null }, /box is null/],
    ["a box with a hole", { box: Object.assign(Array(4), [1]) }, /box is \[1, undefined, undefined, undefined\]/],
    ["a mask that is a list", { maskInput: Array(4096).fill(0) }, /maskInput is Array of 4096 elements/],
    ["a mask of doubles", { maskInput: new Float64Array(4096) }, /maskInput is Float64Array of 4096/],
    ["a mask that is null", { maskInput: null }, /maskInput is null/],
    ["boxes that are one", { boxes: "all" }, /boxes is all, expected a list/],
    ["boxes among which is none", { boxes: [null] }, /box is null/],
  ])("of %s are refused", async (_, prompt, message) => {
    const refused = () => scene.predict(prompt as SamPrompt);
    await expect(refused()).rejects.toThrow(ArgumentError);
    await expect(refused()).rejects.toThrow(message);
  });

  it.each([
    [undefined, /predictBatch got undefined/],
    [{ points: [] }, /predictBatch got \[object Object\]/],
    [[undefined], /a prompt is undefined/],
    [[3], /a prompt is 3, expected { points, box, maskInput }/],
    [["dog"], /a prompt is "dog"/],
  ])("in a batch that is %o are refused", async (prompts, message) => {
    const refused = () => scene.predictBatch(prompts as SamPrompt[]);
    await expect(refused()).rejects.toThrow(ArgumentError);
    await expect(refused()).rejects.toThrow(message);
  });

  it("none give none", async () => {
    expect(await scene.predictBatch([])).toEqual([]);
    expect(await scene.predict({ boxes: [] })).toEqual([]);
  });

  it("with a mask beyond what halves hold give in f16 what they give in f32", async () => {
    if (!device.hasF16) return;
    using half = await Sam.fromPretrained(FOLDER, { device, dtype: "f16" });
    using halfScene = await half.encodeImage(photo);
    const maskInput = Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 32 ? 1e5 : -1e5));
    const prompt = { points: [pointOf(0)], maskInput, multimask: false };
    const [[halfMask], [fullMask]] = [await halfScene.predict(prompt), await scene.predict(prompt)];
    const differing = halfMask?.mask.filter((pixel, i) => pixel !== fullMask?.mask[i]).length ?? Number.NaN;
    expect(differing).toBeLessThan(0.01 * photo.width * photo.height);
  });
});

describe("scenes", () => {
  it("two at once answer for themselves, and free their memory", async () => {
    const dark = { ...photo, data: photo.data.map((byte) => byte >> 1) };
    const before = device.memory.bytes;
    const other = await sam.encodeImage(dark);
    const prompt = { points: [pointOf(0)], multimask: false };
    const [[first], [second], [again]] = await Promise.all([
      scene.predict(prompt),
      other.predict(prompt),
      scene.predict(prompt),
    ]);
    expect(first?.lowResLogits).toEqual(again?.lowResLogits);
    expect(first?.lowResLogits).not.toEqual(second?.lowResLogits);
    other.dispose();
    other.dispose();
    expect(device.memory.bytes).toBeLessThanOrEqual(before + (1 << 20)); // plans are kept
    await expect(other.predict(prompt)).rejects.toThrow(DisposedError);
  });

  it("of one pixel, and of a strip", async () => {
    for (const [width, height] of [
      [1, 1],
      [400, 3],
    ] as const) {
      using small = await sam.encodeImage({ width, height, channels: 3, data: new Uint8Array(width * height * 3) });
      const [mask] = await small.predict({ points: [{ x: 0, y: 0 }], multimask: false });
      expect(mask?.mask.length).toBe(width * height);
    }
  });

  it("stop at an abort, and leave nothing", async () => {
    const aborted = AbortSignal.abort(new Error("stop"));
    await expect(sam.encodeImage(photo, { signal: aborted })).rejects.toThrow("stop");
    await expect(scene.predict({ points: [pointOf(0)], signal: aborted })).rejects.toThrow("stop");
    const abortHalfway = async () => {
      const controller = new AbortController();
      const generating = sam.generateMasks(photo, {
        pointsPerSide: 8,
        pointsPerBatch: 16,
        signal: controller.signal,
        onProgress: () => controller.abort(new Error("enough")),
      });
      await expect(generating).rejects.toThrow("enough");
      return device.memory.bytes;
    };
    const first = await abortHalfway(); // makes the plans, which are kept
    expect(await abortHalfway()).toBe(first);
  });
});

describe("the original names", () => {
  /** The model under the original names, in a folder with these files beside it. */
  async function underOriginalNames(files: readonly string[], use: (folder: string) => Promise<void>) {
    const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
    const file = await readSafetensors(`${FOLDER}/model.safetensors`);
    const tensors: Record<string, TensorData> = {};
    for (const [name, { shape, read }] of file.tensors) {
      tensors[originalName(name)] = { dtype: "F32", shape, data: await read() };
    }
    await file.close();
    try {
      await writeFile(join(folder, "model.safetensors"), writeSafetensors(tensors));
      for (const name of files) await copyFile(`${FOLDER}/${name}`, join(folder, name));
      await use(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  it("give the same masks, with the sizes of config.json", async () => {
    await underOriginalNames(["config.json", "preprocessor_config.json"], async (folder) => {
      using original = await Sam.fromPretrained(folder, { device });
      using other = await original.encodeImage(photo);
      const prompt = { points: [pointOf(0)], multimask: false };
      const [[ours], [theirs]] = await Promise.all([scene.predict(prompt), other.predict(prompt)]);
      expect(theirs?.lowResLogits).toEqual(ours?.lowResLogits);
    });
  });

  it("alone say the sizes too", async () => {
    await underOriginalNames([], async (folder) => {
      using original = await Sam.fromPretrained(folder, { device });
      const { vision, prompt, decoder } = sam.config;
      expect(original.config).toMatchObject({
        vision,
        prompt,
        // Heads and epsilon are those of all published models; this small one has others.
        decoder: { ...decoder, num_attention_heads: 8, layer_norm_eps: 1e-5 },
      });
    });
  });
});

/** transformers' names as segment-anything's. */
function originalName(name: string): string {
  return name
    .replace(/^(shared_image_embedding|prompt_encoder\.shared_embedding)\.positional_embedding/, (whole) =>
      whole.startsWith("shared") ? "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix" : "unused",
    )
    .replace("vision_encoder.patch_embed.projection", "image_encoder.patch_embed.proj")
    .replace("vision_encoder.layers", "image_encoder.blocks")
    .replace("vision_encoder.neck.conv1", "image_encoder.neck.0")
    .replace("vision_encoder.neck.layer_norm1", "image_encoder.neck.1")
    .replace("vision_encoder.neck.conv2", "image_encoder.neck.2")
    .replace("vision_encoder.neck.layer_norm2", "image_encoder.neck.3")
    .replace("vision_encoder.", "image_encoder.")
    .replace("prompt_encoder.point_embed.", "prompt_encoder.point_embeddings.")
    .replace("mask_embed.conv1", "mask_downscaling.0")
    .replace("mask_embed.layer_norm1", "mask_downscaling.1")
    .replace("mask_embed.conv2", "mask_downscaling.3")
    .replace("mask_embed.layer_norm2", "mask_downscaling.4")
    .replace("mask_embed.conv3", "mask_downscaling.6")
    .replace("upscale_conv1", "output_upscaling.0")
    .replace("upscale_layer_norm", "output_upscaling.1")
    .replace("upscale_conv2", "output_upscaling.3")
    .replace("layer_norm_final_attn", "norm_final_attn")
    .replace(/layer_norm(\d)/, "norm$1")
    .replace(/(mlps\.\d|prediction_head)\.proj_in/, "$1.layers.0")
    .replace(/(mlps\.\d|prediction_head)\.proj_out/, "$1.layers.2")
    .replace(/(mlps\.\d|prediction_head)\.layers\.0\.(weight|bias)$/, (whole, head, kind) =>
      name.includes("proj_in") ? whole : `${head}.layers.1.${kind}`,
    );
}

it("refuses checkpoints of another family, and leaves nothing", async () => {
  const before = device.memory.bytes;
  await expect(Sam.fromPretrained("checkpoints/tiny-clip", { device })).rejects.toThrow(CheckpointError);
  expect(device.memory.bytes).toBe(before);
});

it("q8 gives nearly the same masks, of a trained model too", async () => {
  for (const folder of [FOLDER, "checkpoints/tiny-sam"]) {
    const logits: Float32Array[] = [];
    for (const dtype of ["f32", "q8"] as const) {
      using model = await Sam.fromPretrained(folder, { device, dtype });
      using encoded = await model.encodeImage(photo);
      const masks = await encoded.predict({ points: [pointOf(0)] });
      logits.push(Float32Array.from(masks.flatMap(({ lowResLogits }) => [...lowResLogits])));
    }
    const [whole = [], small = []] = logits;
    expect(cosine(small, whole), folder).toBeGreaterThanOrEqual(0.995);
  }
});
