// Reference and cases of positionCode.
import { type PositionCodeParams, positionCode } from "../../kernels/positionCode.ts";
import { defineSuite, type HostTensor } from "../suite.ts";

const coords = (...shape: number[]) => ({ shape: [...shape, 2], dtype: "f32" as const });
const gaussian = (features: number) => ({ shape: [2, features], dtype: "f32" as const });
const table = (rows: number, columns: number) => ({ shape: [rows, columns], dtype: "f32" as const });

export const positionCodeSuite = defineSuite<PositionCodeParams>({
  kernel: positionCode,
  reference: ({ coords, gaussian, labels, table }, { placeless = 0 }) => {
    const { data: xy } = coords as HostTensor;
    const { data: g, shape } = gaussian as HostTensor;
    const F = shape[1] as number;
    return Float64Array.from({ length: xy.length * F }, (_, i) => {
      const [row, column] = [Math.floor(i / (2 * F)), i % (2 * F)];
      const f = column % F;
      const [x = 0, y = 0] = xy.subarray(row * 2, row * 2 + 2);
      const angle = 2 * Math.PI * (x * (g[f] as number) + y * (g[F + f] as number));
      const code = column < F ? Math.sin(angle) : Math.cos(angle);
      const label = labels?.data[row] ?? 0;
      return (labels && label < placeless ? 0 : code) + (table?.data[label * 2 * F + column] ?? 0);
    });
  },
  cases: [
    { inputs: { coords: coords(1), gaussian: gaussian(1) } },
    { inputs: { coords: coords(3, 5), gaussian: gaussian(65) } },
    {
      inputs: {
        coords: coords(2, 7),
        gaussian: gaussian(16),
        labels: { shape: [2, 7], dtype: "i32", low: 0, high: 6 },
        table: table(6, 32),
      },
      params: { placeless: 3 },
    },
    {
      inputs: {
        coords: coords(0),
        gaussian: gaussian(4),
        labels: { shape: [0], dtype: "i32" },
        table: table(2, 8),
      },
    },
    { inputs: { coords: coords(9), gaussian: gaussian(12) }, params: { dtype: "f16" }, dtypes: ["f16"] },
  ],
  rejects: [
    { inputs: { coords: { shape: [2, 3], dtype: "f32" }, gaussian: gaussian(4) }, message: "expected [.., 2]" },
    { inputs: { coords: coords(2), gaussian: gaussian(4), table: table(2, 8) }, message: "go together" },
    { inputs: { coords: { shape: [2, 2], dtype: "f16" }, gaussian: gaussian(4) }, message: "coords is f16" },
  ],
  tolerance: { f32: 1e-5, f16: 2e-3 },
});
