// The test of one kernel: every case of its suite on the adapter at hand in f32 and f16, at WebGPU's default limits
// too, and what it must refuse.
import { describe, expect, it } from "vitest";
import type { DeviceTraits, Launch } from "../../src/kernels/kernel.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import { type KernelSuite, makeInputs } from "../../src/verify/suite.ts";
import { testDevice } from "../adapters.ts";

/**
 * Other launches of the same case that must give the same result: variants this adapter would not choose by itself.
 * Undefined: this variant does not take the case.
 */
export type Variants = Readonly<Record<string, (launch: Launch, device: DeviceTraits) => Launch | undefined>>;

export function kernelTest(suite: KernelSuite, variants: Variants = {}): void {
  describe(suite.kernel.name, () => {
    for (const [variant, change] of Object.entries<Variants[string]>({ chosen: (launch) => launch, ...variants })) {
      for (const test of suite.cases) {
        for (const dtype of test.dtypes ?? (["f32", "f16"] as const)) {
          it(`${variant}, ${dtype}: ${caseLabel(test)}`, async (context) => {
            const device = await testDevice();
            if (dtype === "f16" && !device.hasF16) return context.skip("this adapter has no shader-f16");
            const made = makeInputs(test, dtype);
            const specs = Object.fromEntries(Object.entries(made).map(([name, { spec }]) => [name, spec]));
            const launch = change(suite.kernel.launch(specs, test.params ?? {}, device), device);
            if (!launch) return context.skip("this variant does not take the case");
            const result = await runCase(device, suite, test, dtype, () => launch);
            expect(result.error, `largest error of ${result.label}`).toBeLessThanOrEqual(result.tolerance);
          });
        }
      }
    }
    for (const reject of suite.rejects ?? []) {
      it(`refuses ${caseLabel(reject)}`, () => {
        const made = makeInputs(reject, "f32");
        const specs = Object.fromEntries(Object.entries(made).map(([name, { spec }]) => [name, spec]));
        expect(() => suite.kernel.output(specs, reject.params ?? {})).toThrow(reject.message);
      });
    }
  });
}
