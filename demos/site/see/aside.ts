// Work beside the page, in thread.ts.
import type { Reply, Request, Tasks } from "./thread.ts";

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let thread: Worker | undefined;
let ids = 0;

/**
 * What a task gives, computed beside the page.
 *
 * @example
 * const { pictures } = await aside("pca", features, {});
 */
export function aside<T extends keyof Tasks>(
  task: T,
  ...args: Parameters<Tasks[T]>
): Promise<Awaited<ReturnType<Tasks[T]>>> {
  thread ??= start();
  const request: Request = { id: ++ids, task, args };
  thread.postMessage(request);
  return new Promise((resolve, reject) => waiting.set(request.id, { resolve, reject }));
}

function start(): Worker {
  const worker = new Worker("see-thread.js");
  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    const { resolve, reject } = waiting.get(data.id) as Waiting;
    waiting.delete(data.id);
    if ("result" in data) resolve(data.result as never);
    else reject(new Error(data.reason));
  });
  worker.addEventListener("error", () => {
    thread = undefined;
    for (const { reject } of waiting.values()) reject(new Error("a thread of the page ended: try again"));
    waiting.clear();
  });
  return worker;
}
