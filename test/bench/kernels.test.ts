// The benchmark runs, checks what it times, and writes a report that says under what circumstances.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { circumstances, type Report, writeReport } from "../../bench/report.ts";
import { bundleForNode } from "../../scripts/bundle.mjs";
import { benchKernels, joinedBenches } from "../../src/verify/timing/benchKernels.ts";
import { row } from "../../src/verify/timing/benchRows.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "../cli/runCli.ts";

it("times layer norm and writes a report", async () => {
  const folder = mkdtempSync(join(tmpdir(), "webgpu-vision-"));
  try {
    const json = join(folder, "report.json");
    const script = await bundleForNode("bench/run.ts");
    const given = ["kernels", "--quick", "--only", "layerNorm, CLIP", "--json", json];
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...given], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/layerNorm +CLIP B\/32 .* %/);
    const { kernels } = JSON.parse(readFileSync(json, "utf8")) as Report;
    expect(kernels).toMatchObject({ rounds: 3, dtype: "f32", commit: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(kernels?.adapter?.class).toBe((await testDevice()).info.class);
    expect(kernels?.versions).toHaveProperty("webgpu");
    expect(kernels?.roofline.gflops).toBeGreaterThan(0);
    expect(kernels?.roofline.gbytes).toBeGreaterThan(0);
    expect(kernels?.kernels).toHaveLength(1);
    const [layerNorm] = kernels?.kernels ?? [];
    expect(layerNorm?.ms.all).toHaveLength(3);
    expect(layerNorm?.ms.p10).toBeLessThanOrEqual(layerNorm?.ms.p90 as number);
    expect(layerNorm?.error).toBeLessThanOrEqual(layerNorm?.tolerance as number);
    expect(layerNorm?.ofRoofline).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A kernel's times, of a device of so many GFLOP/s and GB/s: 4 GFLOP in 2 ms. */
function bench(kernel: string, gflops: number, gbytes: number) {
  const ms = { median: 2, p10: 2, p90: 2, all: [2] };
  const checked = { variant: "main", error: 0, tolerance: 1e-6 };
  const timing = { kernel, what: "", case: "", flops: 4e9, bytes: 1e6, ofRoofline: 1, ms, ...checked };
  return { roofline: { gflops, gbytes }, source: "wall", kernels: [timing] } as const;
}

it("joins what was timed in several calls, with shares of the best roofline", () => {
  const joined = joinedBenches([bench("matmul", 2000, 100), bench("conv2d", 4000, 50)]);
  expect(joined.roofline).toEqual({ gflops: 4000, gbytes: 100 });
  expect(joined.kernels.map(({ kernel, ofRoofline }) => [kernel, ofRoofline])).toEqual([
    ["matmul", 0.5], // 4 GFLOP take 1 ms
    ["conv2d", 0.5],
  ]);
});

it("keeps kernels in a report that a stopped run did not measure again", () => {
  const folder = mkdtempSync(join(tmpdir(), "webgpu-vision-"));
  try {
    const json = join(folder, "report.json");
    const around = { ...circumstances({ rounds: 1, dtype: "f32" }), commit: "a" };
    const write = (timed: ReturnType<typeof bench>, commit = "a") => {
      writeReport(json, { kernels: { ...around, commit, ...timed } });
      const { kernels } = JSON.parse(readFileSync(json, "utf8")) as Report;
      return kernels?.kernels.map(({ kernel, ofRoofline }) => [kernel, ofRoofline]);
    };
    write(bench("matmul", 2000, 100));
    expect(write(bench("conv2d", 4000, 50))).toEqual([
      ["matmul", 0.5],
      ["conv2d", 0.5],
    ]);
    expect(write(bench("conv2d", 8000, 50))).toEqual([
      ["matmul", 0.25],
      ["conv2d", 0.25],
    ]);
    expect(write(bench("conv2d", 8000, 50), "of another commit")).toEqual([["conv2d", 1]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("times nothing that is wrong, and leaves nothing on the GPU", async () => {
  const device = await testDevice();
  void device.zero; // held as long as the device is
  const before = device.memory.bytes;
  const right = row("layerNorm", "small", { x: [4, 8], gamma: [8], beta: [8] }, { eps: 1e-5 });
  const wrong = { ...right, suite: { ...right.suite, reference: () => new Float64Array(32).fill(7) } };
  await expect(benchKernels(device, [right, wrong], { rounds: 1 })).rejects.toThrow(
    /layerNorm, small: error .* beyond/,
  );
  expect(device.memory.bytes).toBe(before);
  expect((await benchKernels(device, [right], { rounds: 2 })).kernels[0]?.ms.all).toHaveLength(2);
  expect(device.memory.bytes).toBe(before);
});

it("webgpu-vision bench times a shipped checkpoint", async () => {
  const { code, stdout, stderr } = await runCli(["bench", "--only", "tiny-clip image", "--rounds", "2", "--json"]);
  expect(code, stderr).toBe(0);
  const { adapter, kernels, models } = JSON.parse(stdout);
  expect(adapter.class).toBe((await testDevice()).info.class);
  expect(kernels).toBeUndefined();
  expect(models).toMatchObject([{ what: "tiny-clip image", ms: { all: [expect.any(Number), expect.any(Number)] } }]);
  const [{ cold, peakBytes, weightBytes, outsideKernels }] = models;
  expect(cold.totalMs).toBeGreaterThanOrEqual(cold.firstMs);
  expect(peakBytes).toBeGreaterThan(weightBytes);
  expect(outsideKernels).toBeLessThan(1);
});

it("webgpu-vision bench says what there is when a name is wrong", async () => {
  const { code, stderr } = await runCli(["bench", "--only", "nothing"]);
  expect(code).toBe(2);
  expect(stderr).toContain('nothing to time has "nothing" in its name; there are matmul, 1024 x 1024 x 1024; ');
});
