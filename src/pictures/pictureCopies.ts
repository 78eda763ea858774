// A decoded picture to where a tower reads its pixels, on the GPU.
import type { Executor } from "../graph/executor.ts";
import type { Session } from "../session/session.ts";
import { type ReadyPicture, upload } from "./upload.ts";

/** Pictures in one run: more fill a GPU better, and need more memory. */
const PICTURES_PER_RUN = 8;

/** Pictures of [H, W] are copied side by side on the GPU, which takes whole 4-byte words: odd sizes in f16 go alone. */
export function picturesPerRun(
  session: Session,
  [H, W]: readonly [number, number],
  wanted: number = PICTURES_PER_RUN,
): number {
  return session.dtype === "f16" && (H * W) % 2 ? 1 : wanted;
}

/**
 * Writes a picture and records what makes the tower's pixels of it, from byte `offset` of `pixels` on. The commands
 * must be submitted before the plan is used again, and before the picture is released.
 */
export function encodePicture(
  step: Executor,
  picture: ReadyPicture,
  encoder: GPUCommandEncoder,
  pixels: GPUBuffer,
  offset = 0,
): void {
  upload(step, picture, encoder);
  step.encode(encoder);
  // Whole words: the half beyond an odd picture, which goes alone, lies in the padding of both buffers.
  const bytes = Math.ceil(step.bytes("pixels") / 4) * 4;
  encoder.copyBufferToBuffer(step.buffer("pixels"), 0, pixels, offset, bytes);
}
