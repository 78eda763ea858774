// From an error to what a client is told, in the form of OpenAI's API: { error: { message, type, code, param } }.
import type { FastifyError } from "fastify";
import {
  ArgumentError,
  CheckpointError,
  DeviceLostError,
  DisposedError,
  ImageError,
  LimitError,
  NotFoundError,
  VisionError,
} from "../device/errors.ts";

/** A request that cannot be answered, with the status that says so. */
export class RequestError extends VisionError {
  override readonly name: string = "RequestError";
  readonly status: number;
  /** The field of the request that is wrong. */
  readonly param: string | null;
  /** Seconds after which the client may try again. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, options: { param?: string; retryAfter?: number } = {}) {
    super(message);
    this.status = status;
    this.param = options.param ?? null;
    this.retryAfter = options.retryAfter;
  }
}

/** What a client is told. */
export interface Failure {
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly body: {
    readonly error: { message: string; type: string; code: string | null; param: string | null };
  };
}

/** Seconds after which a client may try again when the device was lost: it takes about as long to load the models. */
const AFTER_LOSS = 2;

/** Which status says what an error of ours says. Others are faults of the server. */
const STATUS: readonly (readonly [new (...args: never[]) => Error, number])[] = [
  [DeviceLostError, 503],
  [DisposedError, 503],
  [LimitError, 503],
  [ImageError, 400],
  [ArgumentError, 400],
  [CheckpointError, 400],
  [NotFoundError, 404],
];

/** Judges an error that a request ended with. */
export function failureOf(error: unknown): Failure {
  if (error instanceof RequestError) {
    const { status, message, param, retryAfter } = error;
    return failure(status, message, { code: null, param, retryAfter });
  }
  const status = STATUS.find(([kind]) => error instanceof kind)?.[1];
  if (status !== undefined) {
    const { name, message } = error as VisionError;
    const retryAfter = status === 503 ? AFTER_LOSS : undefined;
    return failure(status, message.replace(/^\[image\] /, ""), { code: name, retryAfter });
  }
  const { statusCode, code, message, validation } = error as FastifyError;
  if (validation) return failure(400, wrongBody(message, validation), { code: null });
  if (statusCode !== undefined && statusCode < 500) return failure(statusCode, message, { code: code ?? null });
  // What else went wrong may tell of the machine: it is for whoever runs the server.
  return failure(500, "the server failed; its own output says why", {
    code: error instanceof VisionError ? error.name : null,
  });
}

function failure(
  status: number,
  message: string,
  { code, param = null, retryAfter }: { code: string | null; param?: string | null; retryAfter?: number | undefined },
): Failure {
  return { status, retryAfter, body: { error: { message, type: typeOf(status), code, param } } };
}

/** What the check of a body says, with the names that it leaves out. */
function wrongBody(message: string, [first]: NonNullable<FastifyError["validation"]>): string {
  const { additionalProperty, allowedValues } = first?.params ?? {};
  if (additionalProperty !== undefined)
    return `the request has ${JSON.stringify(additionalProperty)}, which is no field of it`;
  return `the request's ${message}${Array.isArray(allowedValues) ? `: ${allowedValues.join(", ")}` : ""}`;
}

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  if (status === 401 || status === 403) return "authentication_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
