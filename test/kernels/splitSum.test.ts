// splitSum by itself, and after a matmul that was split: together they must give what one matmul gives.
import { expect, it } from "vitest";
import { dispatch } from "../../src/kernels/dispatch.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { splitSum } from "../../src/kernels/splitSum.ts";
import { matmulSuite } from "../../src/verify/references/matmul.ts";
import { splitSumSuite } from "../../src/verify/references/splitSum.ts";
import { largestError } from "../../src/verify/run.ts";
import { type MadeInput, makeInputs, referencesOf, toNumbers } from "../../src/verify/suite.ts";
import { testDevice } from "../adapters.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(splitSumSuite);

it.each([2, 3, 8])("a matmul in %i parts, then their sum, equals the whole", async (splits) => {
  const device = await testDevice();
  const test = { inputs: { a: [50, 300], b: [300, 72], bias: [70], residual: [50, 70] } };
  const inputs = makeInputs(test, "f32");
  const upload = (name: string) => {
    const { spec, data } = inputs[name] as MadeInput;
    return device.upload(spec, data, name);
  };
  const [a, b, bias, residual] = [upload("a"), upload("b"), upload("bias"), upload("residual")];
  const parts = await dispatch(device, matmul, { a, b }, { n: 70, splits });
  const y = await dispatch(device, splitSum, { parts, bias, residual }, { activation: "gelu" });
  const got = toNumbers(await device.read(y), "f32");
  for (const { buffer } of [a, b, bias, residual, parts, y]) device.free(buffer);
  const host = Object.fromEntries(Object.entries(inputs).map(([name, { host }]) => [name, host]));
  const [expected = []] = referencesOf(matmulSuite, host, { n: 70, activation: "gelu" });
  expect(parts.shape).toEqual([splits, 50, 70]);
  expect(largestError(got, expected, [50, 70])).toBeLessThanOrEqual(matmulSuite.tolerance.f32);
});
