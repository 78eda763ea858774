// The verification in a worker of its own, which the page ends to stop it.
import { openDevice } from "../../../src/index.ts";
import { KERNELS, type Verification, verifyKernels, verifyModel } from "../../../src/verification.ts";

/** What the page asks for: all kernels too, or the models alone. */
export interface Request {
  readonly kernels: boolean;
  /** Address of the folder with the shipped models. */
  readonly models: string;
}

export type Report =
  | { readonly kind: "device"; readonly info: object; readonly hasF16: boolean; readonly total: number }
  | { readonly kind: "result"; readonly result: Verification }
  | { readonly kind: "done" }
  | { readonly kind: "error"; readonly name: string; readonly message: string };

const MODELS = ["tiny-clip", "tiny-dino", "tiny-sam"] as const;

const tell = (report: Report) => postMessage(report);

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  verify(data).catch((error: Error) => tell({ kind: "error", name: error.name, message: error.message }));
});

async function verify({ kernels, models }: Request): Promise<void> {
  using device = await openDevice();
  const types = device.hasF16 ? 2 : 1;
  const total = (kernels ? KERNELS.length : 0) + MODELS.length;
  tell({ kind: "device", info: { ...device.info }, hasF16: device.hasF16, total: total * types });
  for (const name of MODELS) {
    for await (const result of verifyModel(device, `${models}${name}/`)) {
      tell({ kind: "result", result: { ...result, name: `${name}, ${result.name}` } });
    }
  }
  if (kernels) for await (const result of verifyKernels(device)) tell({ kind: "result", result });
  tell({ kind: "done" });
}
