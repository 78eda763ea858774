// The ops of ResNets and their like, apart from the rest: a page that loads one on demand loads them with it.
import * as kernels from "../kernels/index.ts";
import { op } from "./op.ts";

export const batchNorm = /* @__PURE__ */ op(kernels.batchNorm);
export const meanPool = /* @__PURE__ */ op(kernels.meanPool);
export const pool2d = /* @__PURE__ */ op(kernels.pool2d);
