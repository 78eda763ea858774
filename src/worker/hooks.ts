// Progress and abort of one call, over a MessagePort for this call alone: the page's side and the worker's.
import type { HookMessage } from "./protocol.ts";

/** A caller's callbacks and signal for one call. */
export interface Hooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: never) => void) | undefined;
}

/** The page's side. */
export interface PageHooks {
  /** The port to send to the worker; absent when the caller asked for neither progress nor abort. */
  readonly port: MessagePort | undefined;
  /** Resolves when the worker has sent all progress; rejects with what `onProgress` threw. */
  readonly ended: Promise<void>;
  close(): void;
}

export function pageHooks({ signal, onProgress }: Hooks): PageHooks {
  if (!signal && !onProgress) return { port: undefined, ended: Promise.resolve(), close: () => {} };
  const { port1, port2 } = new MessageChannel();
  const abort = () => port1.postMessage("abort");
  signal?.addEventListener("abort", abort);
  const ended = new Promise<void>((resolve, reject) => {
    port1.onmessage = ({ data }: MessageEvent<HookMessage>) => {
      if (data === "ended") return resolve();
      try {
        (onProgress as ((progress: unknown) => void) | undefined)?.(data.progress);
      } catch (error) {
        abort();
        reject(error);
      }
    };
  });
  ended.catch(() => {}); // the caller of a call that failed before does not ask
  const close = () => {
    signal?.removeEventListener("abort", abort);
    port1.close();
  };
  return { port: port2, ended, close };
}

/** The worker's side: the options that are passed on to a model's method. */
export interface WorkerHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: unknown) => void;
}

export function workerHooks(port: MessagePort | undefined): WorkerHooks {
  if (!port) return {};
  const controller = new AbortController();
  port.onmessage = () => controller.abort();
  const send = (message: HookMessage) => port.postMessage(message);
  return { signal: controller.signal, onProgress: (progress) => send({ progress }) };
}

/** Says that no progress will follow. */
export function endHooks(port: MessagePort | undefined): void {
  port?.postMessage("ended" satisfies HookMessage);
  port?.close();
}
