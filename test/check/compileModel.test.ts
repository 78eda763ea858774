import { expect, it } from "vitest";
import { type CompiledPart, compileModel } from "../../src/check/compileModel.ts";
import { describeModel } from "../../src/check/describe.ts";
import type { Device } from "../../src/device/device.ts";
import { testDevice } from "../adapters.ts";

async function compiledParts(device: Device, from: string): Promise<CompiledPart[]> {
  const parts: CompiledPart[] = [];
  for await (const part of compileModel(device, from)) parts.push(part);
  return parts;
}

it("compiles every part of a checkpoint without its weights, each pipeline once", async () => {
  const device = await testDevice();
  const { parts } = await describeModel("test/golden/small-clip", device);
  const compiled = await compiledParts(device, "test/golden/small-clip");
  expect(Object.fromEntries(compiled.map(({ part, dispatches }) => [part, dispatches]))).toEqual(
    Object.fromEntries(Object.entries(parts).map(([name, { dispatches }]) => [name, dispatches])),
  );
  for (const { dispatches, pipelines } of compiled) {
    expect(pipelines.reduce((sum, { steps }) => sum + steps.length, 0)).toBe(dispatches);
    expect(new Set(pipelines.map(({ pipeline }) => pipeline)).size).toBe(pipelines.length);
  }
});

it("says what is no model", async () => {
  const device = await testDevice();
  await expect(compiledParts(device, "test/golden/masks")).rejects.toThrow(/test\/golden\/masks/);
});
