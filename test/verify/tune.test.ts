import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { Device } from "../../src/device/device.ts";
import type { Spec } from "../../src/device/tensor.ts";
import { type AnyKernel, launchKey } from "../../src/kernels/kernel.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { tune } from "../../src/verify/timing/tune.ts";
import { testDevice } from "../adapters.ts";

const f32 = (...shape: number[]): Spec => ({ dtype: "f32", shape });

/** The device at hand as one of a class whose table has several variants for every product. */
async function asGpu(): Promise<Device> {
  const { gpu, info } = await testDevice();
  return new Device(gpu, { ...info, class: "unknown" }, false);
}

/** The device at hand, with nothing tuned yet: CPU adapters compile a model's variants for GPUs for minutes. */
async function untuned(): Promise<Device> {
  const { gpu, info } = await testDevice();
  return new Device(gpu, info, false);
}

/** Few rows: gemv, sharedTile and registerTile. */
const FEW_ROWS = { kernel: matmul as AnyKernel, inputs: { a: f32(4, 64), b: f32(64, 32) }, params: {} };
const KEY = launchKey("matmul", FEW_ROWS.inputs, FEW_ROWS.params);

describe("tune", () => {
  it("measures the variants that suit, notes one of them, and plans take it", async () => {
    const device = await asGpu();
    const before = { ...device.memory };
    const [tuned] = await tune(device, [FEW_ROWS, FEW_ROWS]);
    expect(Object.keys(tuned?.ms ?? {})).toEqual(["gemv", "sharedTile", "registerTile"]);
    expect(device.tuned.get(KEY)).toBe(tuned?.variant);
    device.tuned.set(KEY, "registerTile");
    expect(matmul.launch(FEW_ROWS.inputs, {}, device).entryPoint).toBe("registerTile");
    expect(device.memory.bytes).toBe(before.bytes + device.zero.size);
    expect(await tune(device, [FEW_ROWS])).toEqual([]); // known by now
  });

  it("takes no variant that gives another result or does not compile", async () => {
    const device = await asGpu();
    const broken: AnyKernel = {
      ...(matmul as AnyKernel),
      launch: (inputs, params, traits, variant) => {
        const launch = (matmul as AnyKernel).launch(inputs, params, traits, variant);
        if (variant === "sharedTile") return { ...launch, overrides: { ...launch.overrides, ACTIVATION: 1 } };
        return variant === "registerTile" ? { ...launch, entryPoint: "nothing" } : launch;
      },
    };
    const [tuned] = await tune(device, [{ ...FEW_ROWS, kernel: broken }]);
    expect(Object.keys(tuned?.ms ?? {})).toEqual(["gemv"]);
    expect(tuned?.variant).toBe("gemv");
  });

  it("ignores a name that does not fit, and stops at its time or when it is aborted", async () => {
    const device = await asGpu();
    device.tuned.set(KEY, "gone");
    expect(matmul.launch(FEW_ROWS.inputs, {}, device).variant).toBe("gemv");
    expect(await tune(device, [FEW_ROWS])).toHaveLength(1); // measured again
    device.tuned.clear();
    expect(await tune(device, [FEW_ROWS], { seconds: -1 })).toEqual([]);
    await expect(tune(device, [FEW_ROWS], { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});

describe("fromPretrained with tune", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  it("keeps what it measured, gives the same embedding, and needs no second time", async () => {
    const file = join(folder, "webgpu-vision", "tuning.json");
    const embed = async (options: object) => {
      using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await untuned(), ...options });
      return (await clip.encodeText("a cat")).data as Float32Array;
    };
    const plain = await embed({});
    const tuned = await embed({ tune: 1 });
    const kept = await readFile(file, "utf8");
    expect(Object.keys(Object.values(JSON.parse(kept))[0] as object).join()).toContain("matmul(");
    expect(Math.max(...tuned.map((x, i) => Math.abs(x - (plain[i] as number))))).toBeLessThan(1e-5);
    await embed({ tune: 0.001 });
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject(JSON.parse(kept));
  });
});
