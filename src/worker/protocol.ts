// What a page and the worker say to each other. Models and scenes live in the worker, where a number names each; a
// failure is an answer like any other, so that its class survives the way.
import type { Failure } from "./failure.ts";
import type { StreamWishes } from "./streamProtocol.ts";

export type Kind = "Clip" | "Dino" | "Sam";

/** What the worker offers, by comlink. `port` carries progress and abort of this call alone. */
export interface Thread {
  /** Holds a Web Lock as long as the worker lives: who waits for it learns of its end. False where there are none. */
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

/** A model, as a page knows it. */
export interface Loaded<Config> {
  readonly id: number;
  readonly config: Config;
  readonly patchSize?: number;
}

/** A scene of SAM, as a page knows it. */
export interface Encoded {
  readonly id: number;
  readonly width: number;
  readonly height: number;
}

/** Worker to page: progress of a call, or that there will be no more of it. */
export type HookMessage = { readonly progress: unknown } | "ended";
