// The test of one kernel: every case of its suite by every variant in its table, in f32 and f16, on the adapter at
// hand, and what it must refuse. CPU adapters compile a GPU's variant for seconds: of those that are one loop with
// other constants, each case and type has another in its turn there, unless $EVERY_VARIANT is set.
import process from "node:process";
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import type { Spec } from "../../src/device/tensor.ts";
import type { DeviceTraits } from "../../src/kernels/launch.ts";
import type { Variants } from "../../src/kernels/variants.ts";
import { isCpu } from "../../src/kernels/variants.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import { type KernelCase, type KernelSuite, makeInputs, type Reference } from "../../src/verify/suite.ts";
import { testDevice } from "../adapters.ts";

export interface KernelTestOptions {
  /** Why a variant does not run a case here, as a text; undefined where it does. */
  readonly skip?: (
    variant: string,
    inputs: Readonly<Record<string, Spec>>,
    params: object,
    device: DeviceTraits,
  ) => string | undefined;
  /** The tests' own when absent. */
  readonly open?: () => Promise<Device>;
}

/** The suite of a case whose reference is computed once for all variants, which take turns. */
function referenceOnce(suite: KernelSuite) {
  let last: { test: KernelCase; dtype: string; reference: Reference } | undefined;
  return (test: KernelCase, dtype: string): KernelSuite => ({
    ...suite,
    reference: (...args) => {
      if (last?.test !== test || last.dtype !== dtype) last = { test, dtype, reference: suite.reference(...args) };
      return last.reference;
    },
  });
}

/** Of a loop's variants that a CPU adapter would not take for a case, the one whose turn it is; undefined on a GPU. */
function inTurn(variant: string, variants: Variants, device: DeviceTraits, turn: number): string | undefined {
  const loopOf = (name: string) => variants.launch(name, device).entryPoint;
  const [first] = variants.best(device);
  if (!isCpu(device.info.class) || process.env.EVERY_VARIANT || variant === first) return undefined;
  const alike = variants.names.filter((name) => {
    return name !== first && variants.fits(name, device) && loopOf(name) === loopOf(variant);
  });
  return alike[turn % alike.length];
}

export function kernelTest(suite: KernelSuite, { skip, open = testDevice }: KernelTestOptions = {}): void {
  const { kernel } = suite;
  const suiteOf = referenceOnce(suite);
  const inputsOf = (test: KernelCase, dtype: "f32" | "f16") =>
    Object.fromEntries(Object.entries(makeInputs(test, dtype)).map(([name, { spec }]) => [name, spec]));
  describe(kernel.name, () => {
    for (const [number, test] of suite.cases.entries()) {
      for (const dtype of test.dtypes ?? (["f32", "f16"] as const)) {
        const [specs, params] = [inputsOf(test, dtype), test.params ?? {}];
        const variants = kernel.variants(specs, params);
        for (const variant of variants?.names ?? [undefined]) {
          it(`${variant ? `${variant}, ` : ""}${dtype}: ${caseLabel(test)}`, async (context) => {
            const device = await open();
            if (dtype === "f16" && !device.hasF16) return context.skip("this adapter has no shader-f16");
            if (variant && variants) {
              if (!variants.fits(variant, device)) {
                return context.skip("this variant does not take the case on this adapter");
              }
              const reason = skip?.(variant, specs, params, device);
              if (reason) return context.skip(reason);
              const other = inTurn(variant, variants, device, number + (dtype === "f16" ? 1 : 0));
              if (other && other !== variant) return context.skip(`on this CPU adapter ${other} takes the case`);
            }
            const result = await runCase(device, suiteOf(test, dtype), test, dtype, () =>
              kernel.launch(specs, params, device, variant),
            );
            expect(result.error, `largest error of ${result.label}`).toBeLessThanOrEqual(result.tolerance);
          });
        }
      }
    }
    for (const reject of suite.rejects ?? []) {
      it(`refuses ${caseLabel(reject)}`, () => {
        expect(() => kernel.output(inputsOf(reject, "f32"), reject.params ?? {})).toThrow(reject.message);
      });
    }
  });
}
