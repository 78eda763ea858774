/**
 * Clip, Dino and Sam in a Web Worker, so that a page never waits for them. The import is all that changes:
 *
 * ```ts
 * import { Clip } from "webgpu-vision/worker"; // instead of "webgpu-vision"
 *
 * const clip = await Clip.fromPretrained("openai/clip-vit-base-patch32", { onProgress, signal });
 * const labels = await clip.classify(photo, ["a cat", "a cup of coffee"]);
 * clip.dispose(); // frees it in the worker
 * ```
 *
 * One worker is started with the first model and serves all. Pictures are copied or, marked by `transfer`, moved; an
 * abort reaches the worker; errors keep their class. What computes on results (pca, matchPatches, KnnClassifier, ...)
 * is imported from "webgpu-vision" as ever. Should the worker end, pending calls reject with WorkerError, and the next
 * call starts a new one, which loads the model again; SAM's scenes must be encoded again.
 *
 * Bundlers make a file of the script by themselves: it is `new Worker(new URL("./worker-thread.js", import.meta.url))`.
 * Where one does not, give `startWorker` a Worker of the script "webgpu-vision/worker-thread".
 *
 * @module
 */
export * from "../device/errors.ts";
export { Clip } from "./clip.ts";
export { startWorker, stopWorker } from "./connection.ts";
export { Dino } from "./dino.ts";
export { transfer } from "./parcel.ts";
export type { WorkerDevice } from "./remote.ts";
export { Sam, SamScene } from "./sam.ts";
