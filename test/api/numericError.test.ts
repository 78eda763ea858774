// What is no number is told, with the model, the type and the layer where it began; and the choice of dtype "auto",
// which rests on it. The checkpoints are the shipped ones with some weights changed.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import { Sam } from "../../src/api/sam.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, NumericError } from "../../src/device/errors.ts";
import { fromHalfArray } from "../../src/device/half.ts";
import { openDevice } from "../../src/device/open.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SourceBytes } from "../../src/io/source/source.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "../cli/runCli.ts";

const PHOTO = "demos/photos/chelsea.png";

let device: Device;
let held = 0;
beforeAll(async () => {
  device = await testDevice();
  void device.zero; // kept for the life of the device
});
beforeEach(() => {
  held = device.memory.bytes;
});
afterEach(() => expect(device.memory.bytes, "GPU bytes left behind").toBe(held));

/** A shipped checkpoint in F32, each tensor changed in place. */
async function changed(name: string, change: (tensor: string, values: Float32Array) => void): Promise<SourceBytes> {
  const folder = `checkpoints/${name}`;
  const json = async (file: string) => JSON.parse(await readFile(join(folder, file), "utf8"));
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const tensors: Record<string, TensorData> = {};
  for (const [tensor, stored] of checkpoint.tensors) {
    const data = fromHalfArray(new Uint16Array((await stored.read()).buffer));
    change(tensor, data);
    tensors[tensor] = { dtype: "F32", shape: stored.shape, data };
  }
  await checkpoint.close();
  return {
    config: await json("config.json"),
    preprocessor: await json("preprocessor_config.json"),
    ...(name === "tiny-clip" && { tokenizer: await json("tokenizer.json") }),
    weights: writeSafetensors(tensors),
  };
}

const spoil = (which: string, value: number) => (tensor: string, values: Float32Array) => {
  if (tensor === which) values[5] = value;
};

async function failure(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("it went well"),
    (error: Error) => error,
  );
}

describe("weights that are no numbers", () => {
  const FC1 = "vision_model.encoder.layers.2.mlp.fc1.weight";

  it.each([
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
  ])("%s in a layer of CLIP names the tensor and the element", async (text, value) => {
    using clip = await Clip.fromPretrained(await changed("tiny-clip", spoil(FC1, value)), { device });
    const error = await failure(clip.encodeImage(PHOTO));
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toContain(`clip image in f32: the result "embeds" holds NaN or infinity`);
    expect(error.message).toContain(`its tensor "${FC1}" has ${text} at element 5`);
    expect((await clip.encodeText("a cat")).data.every(Number.isFinite)).toBe(true);
  });

  it("one in the embedding of a token that no example has", async () => {
    const table = "text_model.embeddings.token_embedding.weight";
    const source = await changed("tiny-clip", (tensor, values) => {
      if (tensor === table) values.fill(Number.NaN);
    });
    using clip = await Clip.fromPretrained(source, { device });
    const error = await failure(clip.classify(PHOTO, ["cat", "dog"]));
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toContain(`its tensor "${table}" has NaN at element 0`);
  });

  it("in lists and streams of DINO", async () => {
    const name = "encoder.layer.1.attention.attention.value.bias";
    using dino = await Dino.fromPretrained(await changed("tiny-dino", spoil(name, Number.NaN)), { device });
    const stream = async () => {
      for await (const { features } of dino.encodeImages([PHOTO])) expect(features).toBeUndefined();
    };
    for (const error of [await failure(dino.encodeImage([PHOTO, PHOTO])), await failure(stream())]) {
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toContain(`its tensor "${name}" has NaN`);
    }
  });

  it("SAM's masks are not empty but an error, from the encoder's weights and from the decoder's", async () => {
    for (const name of [
      "vision_encoder.layers.0.mlp.lin2.bias",
      "mask_decoder.transformer.layers.0.self_attn.q_proj.bias",
    ]) {
      using sam = await Sam.fromPretrained(await changed("tiny-sam", spoil(name, Number.NaN)), { device });
      using scene = await sam.encodeImage(PHOTO);
      const error = await failure(scene.predict({ points: [{ x: 200, y: 100 }] }));
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toContain(`its tensor "${name}" has NaN at element 5`);
    }
  });
});

describe("checkFinite", () => {
  const BIAS = "encoder.layer.1.attention.attention.value.bias";

  it("looks at features that stay on the GPU, which nobody does without it", async () => {
    const source = await changed("tiny-dino", spoil(BIAS, Number.NaN));
    {
      using dino = await Dino.fromPretrained(source, { device });
      using kept = await dino.encodeImage([PHOTO, PHOTO], { keepOnGpu: true });
      expect(Number.isNaN((await kept.cls.read()).data[0])).toBe(true);
    }
    using dino = await Dino.fromPretrained(source, { device, checkFinite: true });
    for (const pictures of [PHOTO, [PHOTO, PHOTO, PHOTO]]) {
      const error = await failure(dino.encodeImage(pictures, { keepOnGpu: true }));
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toContain(`its tensor "${BIAS}" has NaN at element 5`);
    }
  });

  it("looks at what SAM keeps of a picture, and at masks that stay", async () => {
    const encoder = "vision_encoder.layers.0.mlp.lin2.bias";
    {
      using sam = await Sam.fromPretrained(await changed("tiny-sam", spoil(encoder, Number.NaN)), {
        device,
        checkFinite: true,
      });
      const error = await failure(sam.encodeImage(PHOTO));
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toContain(`its tensor "${encoder}" has NaN at element 5`);
    }
    const decoder = "mask_decoder.transformer.layers.0.self_attn.q_proj.bias";
    using sam = await Sam.fromPretrained(await changed("tiny-sam", spoil(decoder, Number.NaN)), {
      device,
      checkFinite: true,
    });
    using scene = await sam.encodeImage(PHOTO);
    const error = await failure(scene.predict({ points: [{ x: 200, y: 100 }], keepOnGpu: true }));
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toContain(`its tensor "${decoder}" has NaN at element 5`);
  });

  it("changes no result of a model that is well", async () => {
    const results = async (checkFinite: boolean) => {
      using dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device, checkFinite });
      using kept = await dino.encodeImage([PHOTO, PHOTO], { keepOnGpu: true });
      using sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device, checkFinite });
      using scene = await sam.encodeImage(PHOTO);
      const masks = await scene.predict({ points: [{ x: 200, y: 100 }] });
      const all = await sam.generateMasks(PHOTO, { pointsPerSide: 3, outputMode: "coco_rle" });
      return { features: await kept.patches.read(), masks, all };
    };
    expect(await results(true)).toEqual(await results(false));
  });
});

describe("inputs that are no numbers", () => {
  it("embeddings of the caller's", async () => {
    using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
    const text = await clip.encodeText("a cat");
    const image = { ...text, data: text.data.map((value, i) => (i === 3 ? Number.POSITIVE_INFINITY : value)) };
    const error = await failure(clip.similarity(image, text));
    expect(error).toBeInstanceOf(NumericError);
    expect(error.message).toContain('the result "logits" holds NaN or infinity');
    expect(error.message).toContain('its input "image" has Infinity at element 3');
  });

  it("a mask prompt", async () => {
    using sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
    using scene = await sam.encodeImage(PHOTO);
    const points = [{ x: 200, y: 100 }];
    const [mask] = await scene.predict({ points, multimask: false });
    const maskInput = (mask as { lowResLogits: Float32Array }).lowResLogits.slice().fill(Number.NaN, 7, 8);
    const error = await failure(scene.predict({ points, maskInput }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/maskInput.*NaN/);
  });
});

const thousandfold = (_: string, values: Float32Array) => {
  for (const [i, value] of values.entries()) values[i] = 1000 * value;
};

describe("f16 that overflows", () => {
  it("is told with the layer where it begins; auto takes f32 then, and says why", async (context) => {
    if (!device.hasF16) context.skip("the adapter has no shader-f16");
    const source = await changed("tiny-clip", thousandfold);
    {
      using clip = await Clip.fromPretrained(source, { device, dtype: "f16" });
      const error = await failure(clip.encodeImage(PHOTO));
      expect(error).toBeInstanceOf(NumericError);
      expect(error.message).toMatch(/clip image in f16: .*it begins in \w+ (with|after) "vision_model\.[\w.]+"/);
      expect(error.message).toContain('dtype "f32", or "auto"');
    }
    using clip = await Clip.fromPretrained(source, { device, dtype: "auto" });
    expect([clip.dtype, clip.dtypeReason]).toEqual(["f32", "f16 does not hold the values of this model"]);
    expect((await clip.encodeImage(PHOTO)).data.every(Number.isFinite)).toBe(true);
  });

  it("auto takes f16 for a model that agrees in it, and computes as f16 does", async (context) => {
    if (!device.hasF16) context.skip("the adapter has no shader-f16");
    using auto = await Clip.fromPretrained("checkpoints/tiny-clip", { device, dtype: "auto" });
    expect(auto.dtype).toBe("f16");
    expect(auto.dtypeReason).toMatch(/^f16 differs from f32 by 0\.00\d+ of the largest value on an example$/);
    using half = await Clip.fromPretrained("checkpoints/tiny-clip", { device, dtype: "f16" });
    expect((await auto.encodeImage(PHOTO)).data).toEqual((await half.encodeImage(PHOTO)).data);
  });

  it("auto takes f32 where the adapter has no f16", async () => {
    using plain = await openDevice({ defaultLimits: true });
    using auto = await Dino.fromPretrained("checkpoints/tiny-dino", { device: plain, dtype: "auto" });
    expect([auto.dtype, auto.dtypeReason]).toEqual(["f32", "the adapter has no shader-f16"]);
    expect((await auto.encodeImage(PHOTO)).cls.data.every(Number.isFinite)).toBe(true);
  });
});

describe("the command line", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "webgpu-vision-nan-"));
    const { config, preprocessor, tokenizer, weights } = await changed(
      "tiny-clip",
      spoil("visual_projection.weight", Number.NaN),
    );
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify(preprocessor));
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
    await writeFile(join(folder, "model.safetensors"), weights as Uint8Array);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("classify ends with 1 and the tensor's name, and prints no NaN %", async () => {
    const { code, stdout, stderr } = await runCli(["classify", PHOTO, "--labels", "cat,dog", "--model", folder]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain('its tensor "visual_projection.weight" has NaN at element 5');
    expect(stderr).not.toContain("    at ");
  });

  it("--dtype auto says what was chosen, and --json has the type", async () => {
    const { code, stdout, stderr } = await runCli([
      "classify",
      PHOTO,
      "--labels",
      "cat,dog",
      "--dtype",
      "auto",
      "--json",
    ]);
    expect(code).toBe(0);
    const { dtype } = JSON.parse(stdout);
    expect(dtype).toBe(device.hasF16 ? "f16" : "f32");
    expect(stderr).toContain(`computed in ${dtype}: `);
  });
});
