/**
 * Proof on the caller's own adapter: every kernel against its reference in double precision, and the outputs of
 * checkpoints against those that PyTorch computed (`expected.json` beside the weights). It is what
 * `npx webgpu-vision verify` runs.
 *
 * ```ts
 * import { openDevice } from "webgpu-vision";
 * import { verifyKernels, verifyModel } from "webgpu-vision/verify";
 *
 * using device = await openDevice();
 * for await (const { name, dtype, error, tolerance, failures } of verifyKernels(device)) {
 *   console.log(name, dtype, error, "of", tolerance, failures.length === 0 ? "ok" : failures);
 * }
 * for await (const result of verifyModel(device, "./models/tiny-clip")) console.log(result);
 * ```
 *
 * @module
 */
export { KERNELS, type Verification, type VerifyOptions, verifyKernels } from "./check/verifyKernels.ts";
export { verifyModel } from "./check/verifyModel.ts";
