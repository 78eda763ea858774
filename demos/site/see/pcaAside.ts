// `pca` without holding up the page.
import { ArgumentError, type PatchFeatures, type PcaOptions, type PcaResult } from "../engine.ts";
import type { Reply, Request } from "./thread.ts";

let thread: Worker | undefined;
let turns = 0;

/** What `pca` gives, computed beside the page. */
export function pcaAside(features: readonly PatchFeatures[], options: PcaOptions): Promise<PcaResult> {
  thread ??= new Worker("see-thread.js");
  const worker = thread;
  const turn = ++turns;
  const plain = features.map(({ patches, grid }) => ({ patches, grid }));
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const listen = { signal: done.signal };
    worker.addEventListener(
      "message",
      ({ data }: MessageEvent<Reply>) => {
        if (data.turn !== turn) return;
        done.abort();
        if ("result" in data) resolve(data.result);
        else reject(new ArgumentError(data.message));
      },
      listen,
    );
    worker.addEventListener(
      "error",
      () => {
        done.abort();
        thread = undefined;
        reject(new Error("the thread that computes the colours ended: try again"));
      },
      listen,
    );
    const request: Request = { turn, features: plain, options };
    worker.postMessage(request);
  });
}
