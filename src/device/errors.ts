// The errors a caller can meet, one class per kind, so that a program can tell them apart by `instanceof` or `name`.
// Each message says what was expected, what came, and what to do.

/** Messages quote what came, which may be megabytes of a hostile file: nobody reads on after so many characters. */
const MOST_CHARACTERS = 4000;

/** Base of all errors thrown on purpose by webgpu-vision. */
export class VisionError extends Error {
  /** The class's name, for programs that cannot use `instanceof`. */
  override readonly name: string = "VisionError";

  constructor(message?: string, options?: ErrorOptions) {
    super(message?.slice(0, MOST_CHARACTERS), options);
  }
}

/** A shape, dtype, option or argument that the call cannot take. */
export class ArgumentError extends VisionError {
  override readonly name: string = "ArgumentError";
}

/** Tensors whose shapes do not fit together. */
export class ShapeError extends VisionError {
  override readonly name: string = "ShapeError";
}

/** No WebGPU adapter, or one that lacks a feature the call needs. */
export class AdapterError extends VisionError {
  override readonly name: string = "AdapterError";
}

/** The device was lost (driver reset, tab in the background, `destroy()`); the next call opens a new one. */
export class DeviceLostError extends VisionError {
  override readonly name: string = "DeviceLostError";
}

/** A buffer, binding or allocation beyond what the device allows. */
export class LimitError extends VisionError {
  override readonly name: string = "LimitError";
}

/** WebGPU reported a validation or compile error: a bug of ours or of the driver; the message names the kernel. */
export class KernelError extends VisionError {
  override readonly name: string = "KernelError";
}

/** A file that is not what it should be: truncated, hostile, of another format. */
export class InvalidFileError extends VisionError {
  override readonly name: string = "InvalidFileError";
}

/** A checkpoint that lacks a tensor or config value, or whose family is not supported. */
export class CheckpointError extends VisionError {
  override readonly name: string = "CheckpointError";
}

/** A file or model that is not there (404, missing folder). */
export class NotFoundError extends VisionError {
  override readonly name: string = "NotFoundError";
}

/** The server or network failed: refused, cut off, wrong length, not authorised. */
export class NetworkError extends VisionError {
  override readonly name: string = "NetworkError";
}

/** A model gave NaN or infinity: its weights hold such, or values grew beyond what f16 holds. */
export class NumericError extends VisionError {
  override readonly name: string = "NumericError";
}

/** A picture that cannot be decoded or is zero-sized or too large. */
export class ImageError extends VisionError {
  override readonly name: string = "ImageError";
}

/** A call on a model, scene or device after `dispose()`. */
export class DisposedError extends VisionError {
  override readonly name: string = "DisposedError";
}

/** The worker that runs the models could not start, failed or was ended; the next call starts a new one. */
export class WorkerError extends VisionError {
  override readonly name: string = "WorkerError";
}
