// The loop over tiles in workgroup memory as GPUs run it: unrolled, on AMD's with the left tile by rows, on Intel's
// with late loads.
import { afterAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { random } from "../../src/device/random.ts";
import type { Tensor } from "../../src/device/tensor.ts";
import { dispatch } from "../../src/kernels/dispatch.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { testDevice } from "../adapters.ts";

const M = 70;
const N = 66;

describe("sharedTile", () => {
  const held: Tensor[] = [];
  let device: Device | undefined;

  afterAll(() => {
    for (const { buffer } of held) device?.free(buffer);
  });

  // 64 terms are whole steps, 37 are not.
  for (const K of [64, 37]) {
    for (const [variant, AHEAD, ROWS] of [
      ["sharedTile", "true", "false"],
      ["sharedTile", "true", "true"],
      ["sharedTile", "false", "false"],
      ["tallTile", "true", "false"],
      ["tallTile", "true", "true"],
      ["largeTile", "true", "false"],
    ] as const) {
      it(`${variant} sums ${K} terms unrolled, AHEAD ${AHEAD}, ROWS ${ROWS}`, async () => {
        device = await testDevice();
        const next = random(K);
        const a = Float32Array.from({ length: M * K }, () => next() - 0.5);
        const b = Float32Array.from({ length: K * 68 }, (_, i) => (i % 68 < N ? next() - 0.5 : 0));
        const inputs = {
          a: device.upload({ dtype: "f32", shape: [1, M, K] }, a),
          b: device.upload({ dtype: "f32", shape: [K, 68] }, b),
        };
        const types = { UNROLL: "true", AHEAD, ROWS };
        const traits = device;
        const y = await dispatch(device, matmul, inputs, { n: N }, () => {
          const launch = matmul.launch(inputs, { n: N }, traits, variant);
          return { ...launch, types: { ...launch.types, ...types } };
        });
        held.push(inputs.a, inputs.b, y);
        const data = new Float32Array(await device.read(y));
        for (const [i, value] of data.entries()) {
          let sum = 0;
          for (let k = 0; k < K; k++) sum += (a[Math.floor(i / N) * K + k] as number) * (b[k * 68 + (i % N)] as number);
          expect(Math.abs(value - sum), `element ${i}`).toBeLessThan(2e-5);
        }
        expect(data.length).toBe(M * N);
      });
    }
  }
});
