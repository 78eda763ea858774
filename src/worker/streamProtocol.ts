// encodeImages between page and worker: the worker asks for a picture when it has room for one, and the page asks for a
// result when it is ready for it. Each call has a MessagePort of its own.
import type { Failure } from "./failure.ts";

/** Page to worker. */
export type StreamRequest = "next" | "abort" | "end" | "failed" | { readonly image: unknown };

/** Worker to page. */
export type StreamReply =
  | "want"
  | "done"
  | { readonly result: { readonly index: number } }
  | { readonly failure: Failure }
  | { readonly broken: Failure; readonly index: number }
  | { readonly step: unknown }
  | { readonly done: number };

/** Which callbacks the page has, besides receiving results. */
export interface StreamWishes {
  readonly onError: boolean;
  readonly onStep: boolean;
}
