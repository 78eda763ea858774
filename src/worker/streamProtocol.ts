// encodeImages across the boundary: the worker asks for pictures when it has room for them, the page for results when
// it wants one, over a port of the call's own.
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

/** What the page listens to, besides the results. */
export interface StreamWishes {
  readonly onError: boolean;
  readonly onStep: boolean;
}
