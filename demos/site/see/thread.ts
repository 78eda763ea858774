// What would hold up the page, in a worker of its own: principal components of many patches take seconds, and to scale
// a photo of 50 megapixels takes long enough to be felt.
import { type PatchFeatures, type PcaOptions, type PcaResult, pca } from "../../../src/index.ts";

export interface Tasks {
  pca(features: readonly PatchFeatures[], options: PcaOptions): PcaResult;
  /** The picture, upright, at each of these widths. */
  shrink(picture: Blob, widths: readonly number[]): Promise<ImageBitmap[]>;
}

const tasks: Tasks = {
  pca,
  async shrink(picture, widths) {
    const full = await createImageBitmap(picture);
    const small = widths.map((resizeWidth) => createImageBitmap(full, { resizeWidth, resizeQuality: "medium" }));
    return Promise.all(small).finally(() => full.close());
  },
};

export interface Request {
  readonly id: number;
  readonly task: keyof Tasks;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly reason: string };

async function work({ id, task, args }: Request): Promise<void> {
  const reply = (message: Reply, moved: Transferable[] = []) => postMessage(message, { transfer: moved });
  try {
    const run = tasks[task] as (...args: readonly unknown[]) => unknown;
    const result = await run(...args);
    reply({ id, result }, Array.isArray(result) ? result : []);
  } catch (error) {
    reply({ id, reason: (error as Error).message });
  }
}

addEventListener("message", ({ data }: MessageEvent<Request>) => void work(data));
