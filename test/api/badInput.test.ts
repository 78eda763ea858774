// What must not work: each gives a typed error that says what and how to fix it, frees the GPU memory it took, and
// lets the process go on.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import type { Device } from "../../src/device/device.ts";
import * as errors from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import { writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { HubServer } from "../io/hubServer.ts";

const CLIP = "checkpoints/tiny-clip";
const PHOTO = "demos/photos/chelsea.png";

let device: Device;
let folder: string;
beforeAll(async () => {
  device = await testDevice();
  void device.zero; // bound in place of absent inputs, kept for the life of the device
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-bad-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Checks after each test of a describe that the GPU holds what it held before. */
function leavesNothing(): void {
  let held = 0;
  beforeEach(() => {
    held = device.memory.bytes;
  });
  afterEach(() => expect(device.memory.bytes, "GPU bytes left behind").toBe(held));
}

/** A copy of the shipped CLIP in which some files are other bytes, or missing. */
async function broken(name: string, files: Readonly<Record<string, string | Uint8Array | undefined>>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  for (const file of ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]) {
    const bytes = file in files ? files[file] : await readFile(join(CLIP, file));
    if (bytes !== undefined) await writeFile(join(path, file), bytes);
  }
  return path;
}

async function config(change: (config: Record<string, object>) => void): Promise<string> {
  const json = JSON.parse(await readFile(join(CLIP, "config.json"), "utf8"));
  change(json);
  return JSON.stringify(json);
}

async function expectError(work: Promise<unknown>, kind: new (...given: never[]) => Error, message: RegExp) {
  const error = await work.then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(kind);
  expect(error?.message).toMatch(message);
}

describe("a checkpoint that", () => {
  leavesNothing();
  const load = (path: string) => Clip.fromPretrained(path, { device });

  it("is cut off", async () => {
    const whole = await readFile(join(CLIP, "model.safetensors"));
    const path = await broken("cut", { "model.safetensors": whole.subarray(0, whole.length - 1000) });
    await expectError(load(path), errors.InvalidFileError, /model\.safetensors/);
  });

  it("is another file", async () => {
    const path = await broken("page", { "model.safetensors": "<!doctype html><html><body>Not found</body></html>" });
    await expectError(load(path), errors.InvalidFileError, /HTML|page/i);
  });

  it("lacks a tensor, which the error names with its nearest", async () => {
    const tensors = { "vision_model.embeddings.patch_embedding.weight": one([192, 3, 8, 8]) };
    const path = await broken("lacking", { "model.safetensors": writeSafetensors(tensors) });
    await expectError(load(path), errors.CheckpointError, /has no tensor "vision_model.*nearest names are/);
  });

  it("is of another model than its config", async () => {
    const text = await config((json) =>
      Object.assign(json.vision_config ?? {}, { hidden_size: 256, num_attention_heads: 4 }),
    );
    await expectError(load(await broken("wider", { "config.json": text })), errors.CheckpointError, /has shape|differ/);
  });

  it("has no config, or one that is not JSON, absurd, or of another family", async () => {
    await expectError(
      load(await broken("noConfig", { "config.json": undefined })),
      errors.CheckpointError,
      /config\.json/,
    );
    await expectError(load(await broken("noJson", { "config.json": "{" })), errors.InvalidFileError, /config\.json/);
    const absurd = await config((json) => Object.assign(json.text_config ?? {}, { num_hidden_layers: -3 }));
    await expectError(
      load(await broken("absurd", { "config.json": absurd })),
      errors.CheckpointError,
      /num_hidden_layers/,
    );
    await expectError(load("checkpoints/tiny-dino"), errors.CheckpointError, /model_type/);
  });

  it("is not there", async () => {
    await expectError(load(join(folder, "nowhere")), errors.NotFoundError, /nowhere/);
  });
});

describe("with a loaded model", () => {
  let clip: Clip;
  let held: number;
  beforeAll(async () => {
    held = device.memory.bytes;
    clip = await Clip.fromPretrained(CLIP, { device });
    await clip.classify(PHOTO, ["a cat"]);
  });
  afterAll(() => {
    clip.dispose();
    expect(device.memory.bytes, "GPU bytes left behind").toBe(held);
  });

  it.each([
    ["a file that is no picture", "package.json", /picture|image/i],
    ["raw pixels of no size", { width: 0, height: 4, channels: 3 as const, data: new Uint8Array(0) }, /0/],
    ["too few raw pixels", { width: 4, height: 4, channels: 3 as const, data: new Uint8Array(4) }, /48/],
    ["a huge picture", { width: 20000, height: 1, channels: 3 as const, data: new Uint8Array(60000) }, /16384/],
  ])("%s", async (_, image, message) => {
    await expectError(clip.encodeImage(image), errors.ImageError, message);
  });

  it("a missing picture", () =>
    expectError(clip.encodeImage("no-such-photo.jpg"), errors.NotFoundError, /no-such-photo/));

  it("no labels, a template without {}, texts too long", async () => {
    await expectError(clip.classify(PHOTO, []), errors.ArgumentError, /empty list of labels/);
    await expectError(clip.classify(PHOTO, ["cat"], { template: "a photo" }), errors.ArgumentError, /no \{\}/);
    const long = "word ".repeat(100);
    await expectError(clip.encodeText(long, { truncate: false }), errors.ArgumentError, /tokens .* the model takes 32/);
    expect((await clip.encodeText(long)).shape).toEqual([1, 128]);
  });

  it("an abort before the call and between batches", async () => {
    await expect(clip.encodeImage(PHOTO, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const controller = new AbortController();
    const work = clip.encodeImage(Array(9).fill(PHOTO), {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(work).rejects.toThrow(/abort/i);
    expect((await clip.encodeImage(PHOTO)).shape).toEqual([1, 128]);
  });
});

describe("elsewhere:", () => {
  leavesNothing();

  it("a buffer beyond the limits", async () => {
    const spec = { dtype: "f32", shape: [1 << 20, 1 << 14] } as const;
    expect(() => device.createTensor(spec, "huge")).toThrow(errors.LimitError);
    expect(() => device.createTensor(spec, "huge")).toThrow(
      /huge \[1048576, 16384\] f32 needs 65536\.0 MiB.*binds at most/,
    );
  });

  it("a cancelled download", async () => {
    const hub = await HubServer.start();
    try {
      for (const file of ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]) {
        hub.files.set(file, await readFile(join(CLIP, file)));
      }
      hub.faults.set("model.safetensors", { slowMs: 50 });
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 200);
      const from = `${hub.url}/${hub.id}/resolve/main`;
      const work = Clip.fromPretrained(from, { device, signal: controller.signal, cache: false });
      await expect(work).rejects.toThrow(/abort/i);
      hub.faults.clear();
      using clip = await Clip.fromPretrained(from, { device, cache: false });
      expect((await clip.encodeText("a cat")).shape).toEqual([1, 128]);
    } finally {
      await hub.stop();
    }
  });

  it("a lost device: what is pending rejects, and the next call opens a new one", async () => {
    using clip = await Clip.fromPretrained(CLIP);
    const before = await clip.encodeImage(PHOTO);
    const pending = clip.encodeText(["a cat", "a cup of coffee"]);
    (await clip.device()).gpu.destroy();
    await pending.catch((error) => expect(error).toBeInstanceOf(errors.DeviceLostError));
    expect((await clip.encodeImage(PHOTO)).data).toEqual(before.data);
  });

  it("a call after dispose", async () => {
    const clip = await Clip.fromPretrained(CLIP, { device });
    clip.dispose();
    await expectError(clip.encodeText("a cat"), errors.DisposedError, /disposed/);
  });

  it("f16 on an adapter that has none", async () => {
    using plain = await openDevice({ defaultLimits: true });
    await expectError(Clip.fromPretrained(CLIP, { device: plain, dtype: "f16" }), errors.AdapterError, /shader-f16/);
    expect(plain.memory.bytes).toBe(0);
  });

  it("no adapter", () => {
    const env = { ...process.env, VK_ICD_FILENAMES: "/nonexistent.json", VK_DRIVER_FILES: "/nonexistent.json" };
    const code = 'import { create } from "webgpu"; const gpu = create([]); console.log(await gpu.requestAdapter());';
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", code], { env, stdio: "pipe" });
    expect(String(printed).trim()).toBe("null"); // what openDevice turns into an AdapterError
  });
});

function one(shape: readonly number[]) {
  return { dtype: "F32" as const, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
}
