// What a page and the worker say to each other. Models and scenes live in the worker, where a number names each; a
// failure is an answer like any other, so that its class survives the way.
import * as classes from "../device/errors.ts";
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

/** An error as data: only built-in ones keep their class when they are posted. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: Failure;
  readonly isDom: boolean;
  /** It is the reason with which the call was aborted. */
  readonly isAbort: boolean;
}

export function toFailure(error: unknown, signal?: AbortSignal): Failure {
  const { name, message, stack, cause } = error instanceof Error ? error : new Error(String(error));
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(cause instanceof Error && { cause: toFailure(cause) }),
    isDom: typeof DOMException === "function" && error instanceof DOMException,
    isAbort: signal?.aborted === true && error === signal.reason,
  };
}

type ErrorClass = new (message: string, options?: ErrorOptions) => Error;

const CLASSES: Readonly<Record<string, unknown>> = { ...classes, TypeError, RangeError, SyntaxError };

/** The error again, of its class; its stack is that of the worker. */
export function fromFailure({ name, message, stack, cause, isDom }: Failure): Error {
  if (isDom) return new DOMException(message, name);
  const Class = (CLASSES[name] ?? Error) as ErrorClass;
  const error = new Class(message, cause && { cause: fromFailure(cause) });
  if (error.name !== name) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
