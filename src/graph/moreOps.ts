// Operations of models that a page loads on demand. What such a model takes of ops.ts would be in what the page loads
// at first, as a bundler puts all that is used of a module in one place.
import { batchNorm as batchNormKernel } from "../kernels/batchNorm.ts";
import { gather as gatherKernel } from "../kernels/gather.ts";
import { innerProduct as innerProductKernel } from "../kernels/innerProduct.ts";
import { meanPool as meanPoolKernel } from "../kernels/meanPool.ts";
import { pool2d as pool2dKernel } from "../kernels/pool2d.ts";
import { stableMask as stableMaskKernel } from "../kernels/stableMask.ts";
import { op } from "./op.ts";

export const batchNorm = /* @__PURE__ */ op(batchNormKernel);
export const gather = /* @__PURE__ */ op(gatherKernel);
export const innerProduct = /* @__PURE__ */ op(innerProductKernel);
export const meanPool = /* @__PURE__ */ op(meanPoolKernel);
export const pool2d = /* @__PURE__ */ op(pool2dKernel);
export const stableMask = /* @__PURE__ */ op(stableMaskKernel);
