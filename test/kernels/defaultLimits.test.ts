// Every kernel on a device with no more than WebGPU's default limits and no optional feature, by the variant chosen for
// this adapter and by the one that a GPU would get.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { AdapterClass } from "../../src/device/adapter.ts";
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import * as suites from "../../src/verify/index.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import { makeInputs } from "../../src/verify/suite.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ defaultLimits: true });
});
afterAll(() => device.destroy());

it("is a device with the default limits", () => {
  expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
  expect(device.limits.maxStorageBufferBindingSize).toBe(128 << 20);
  expect(device.hasF16 || device.hasSubgroups).toBe(false);
});

for (const suite of Object.values(suites)) {
  // The first cases of a suite are its small ones; all of them run in the suite's own test.
  for (const test of suite.cases.slice(0, 3)) {
    for (const name of ["this adapter", "nvidia"]) {
      it(`${suite.kernel.name} as for ${name}: ${caseLabel(test)}`, async () => {
        const { limits } = device;
        const traits = { info: { class: device.info.class }, limits, hasF16: false, hasSubgroups: false };
        const inputSpecs = Object.entries(makeInputs(test, "f32")).map(([input, { spec }]) => [input, spec]);
        const [specs, params] = [Object.fromEntries(inputSpecs), test.params ?? {}];
        const adapterClass = name === "nvidia" ? (name as AdapterClass) : device.info.class;
        const [variant] =
          suite.kernel.variants(specs, params)?.best({ ...traits, info: { class: adapterClass } }) ?? [];
        const launch = suite.kernel.launch(specs, params, traits, variant);
        const result = await runCase(device, suite, test, "f32", () => launch);
        expect(result.error).toBeLessThanOrEqual(result.tolerance);
      });
    }
  }
}
