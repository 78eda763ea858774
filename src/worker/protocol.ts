// The messages between a page and the worker. Models and scenes live in the worker and are known by a number. A failure
// is sent as an answer like any other, so that its class is not lost.
import type { Clip } from "../api/clip.ts";
import type { Failure } from "./failure.ts";
import type { StreamWishes } from "./streamProtocol.ts";

export type Kind = "Clip" | "Dino" | "Sam";

/** What the worker offers, by comlink. `port` carries progress and abort of this call alone. */
export interface Thread {
  /** Holds a Web Lock as long as the worker lives: its release tells that the worker ended. False without Web Locks. */
  hold(lock: string): Promise<boolean>;
  load(kind: Kind, from: unknown, options: object, port?: MessagePort): Promise<Answer>;
  /** Calls a method of a model or scene; `options`, where there are some, come after the arguments. */
  call(id: number, method: string, args: readonly unknown[], options?: object, port?: MessagePort): Promise<Answer>;
  /** encodeImages of a model. */
  stream(id: number, options: object, wishes: StreamWishes, port: MessagePort): void;
  dispose(id: number): void;
  destroyDevice(id: number): Promise<void>;
}

export type Answer = { readonly value: unknown } | { readonly failure: Failure };

/** What a page is told about a model that was loaded. */
export interface Loaded<Config> {
  readonly id: number;
  readonly config: Config;
  readonly dtype: Clip["dtype"];
  readonly dtypeReason: Clip["dtypeReason"];
  readonly patchSize?: number;
}

/** What a page is told about a scene of SAM. */
export interface Encoded {
  readonly id: number;
  readonly width: number;
  readonly height: number;
}

/** Worker to page: progress of a call, or that there will be no more of it. */
export type HookMessage = { readonly progress: unknown } | "ended";
