// Errors between page and worker: posted as data, and thrown again as an error of their class.
import * as classes from "../device/errors.ts";

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

/** An error of the original class, made from the data; its stack is that of the worker. */
export function fromFailure({ name, message, stack, cause, isDom }: Failure): Error {
  if (isDom) return new DOMException(message, name);
  const Class = (CLASSES[name] ?? Error) as ErrorClass;
  const error = new Class(message, cause && { cause: fromFailure(cause) });
  if (error.name !== name) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
