// Principal components in a worker of their own: with many patches of many channels they take seconds.
import { type PatchFeatures, type PcaOptions, type PcaResult, pca } from "../../../src/index.ts";

export interface Request {
  readonly turn: number;
  readonly features: readonly PatchFeatures[];
  readonly options: PcaOptions;
}

export type Reply =
  | { readonly turn: number; readonly result: PcaResult }
  | { readonly turn: number; readonly name: string; readonly message: string };

addEventListener("message", ({ data: { turn, features, options } }: MessageEvent<Request>) => {
  const reply = (message: Reply) => postMessage(message);
  try {
    reply({ turn, result: pca(features, options) });
  } catch (error) {
    const { name, message } = error as Error;
    reply({ turn, name, message });
  }
});
