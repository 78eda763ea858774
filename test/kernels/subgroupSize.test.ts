// Loops that take many registers ask for small subgroups where the device lets them, which Intel's GPUs need: tried on
// the adapter at hand, whatever it is, with its own smallest size.
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { pipelineSource } from "../../src/kernels/kernel.ts";
import type { DeviceTraits } from "../../src/kernels/launch.ts";
import { unrollType } from "../../src/kernels/variants.ts";
import { attentionSuite } from "../../src/verify/references/attention.ts";
import { matmulSuite } from "../../src/verify/references/matmul.ts";
import { relativePositionsSuite } from "../../src/verify/references/relativePositions.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import { type KernelCase, type KernelSuite, makeInputs } from "../../src/verify/suite.ts";
import { testDevice } from "../adapters.ts";

/** The device as kernels would see it if it were Intel's. */
function asIntel({ hasF16, hasSubgroups, limits, gpu }: Device): DeviceTraits {
  const smallestSubgroup = gpu.adapterInfo.subgroupMinSize;
  return { info: { class: "intel" }, hasF16, hasSubgroups, limits, smallestSubgroup, leastSubgroup: smallestSubgroup };
}

describe.each([
  { suite: attentionSuite as KernelSuite, variant: "smallFlashTile" },
  { suite: attentionSuite as KernelSuite, variant: "subgroupFlashTile" },
  { suite: matmulSuite as KernelSuite, variant: "sharedTile" },
  { suite: relativePositionsSuite as KernelSuite, variant: "vectors" },
])("$suite.kernel.name, $variant", ({ suite, variant }) => {
  const { kernel } = suite;
  const specsOf = (test: KernelCase) =>
    Object.fromEntries(Object.entries(makeInputs(test, "f32")).map(([name, { spec }]) => [name, spec]));
  const test = suite.cases.find((one) => {
    const traits = { info: { class: "intel" }, leastSubgroup: 8 } as DeviceTraits;
    return kernel.variants(specsOf(one), one.params ?? {})?.fits(variant, traits);
  });

  it("has the right result in subgroups of the smallest size", async (context) => {
    const device = await testDevice();
    if (!device.gpu.features.has("subgroup-size-control")) {
      return context.skip("this adapter has no subgroup-size-control");
    }
    if (!test) throw new Error(`no case of ${kernel.name} fits ${variant}`);
    const forIntel = kernel.launch(specsOf(test), test.params ?? {}, asIntel(device), variant);
    const launch = { ...forIntel, types: { ...forIntel.types, ...unrollType(device) } }; // CPU adapters unroll for long
    const code = await pipelineSource(kernel, launch).code();
    expect(code).toContain("enable subgroup_size_control;");
    expect(code).toContain(`@compute @subgroup_size(${device.gpu.adapterInfo.subgroupMinSize})`);
    const result = await runCase(device, suite, test, "f32", () => launch);
    expect(result.error, caseLabel(test)).toBeLessThanOrEqual(result.tolerance);
  });
});
