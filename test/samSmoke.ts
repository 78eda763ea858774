// A small SAM from file to mask, for runtimes other than Node: a point on a photo against PyTorch's logits and scores.
import { type ImageLike, readSafetensors, Sam, type SourceLike } from "../src/index.ts";

export interface SamSmokeResult {
  /** Largest difference to PyTorch's low-resolution logits, as a share of the largest of them. */
  readonly logitError: number;
  /** Largest difference to PyTorch's IoU scores. */
  readonly scoreError: number;
  /** Largest difference of the masks' areas, as a share of the picture. */
  readonly areaError: number;
  /** Buffers that are left on the device when scene and model are disposed of, beyond those of before. */
  readonly leakedBuffers: number;
}

/** Largest errors that pass: the picture is resized here, not by PyTorch. */
export const SAM_TOLERANCE = { logitError: 5e-3, scoreError: 5e-3, areaError: 2e-3 } as const;

/** The part [width, height] of the photo that scripts/golden.py gave to PyTorch, from its top left corner. */
export const SAM_PICTURE = { photo: "demos/photos/astronaut.png", width: 512, height: 358 } as const;

/** `golden` is the file of PyTorch's outputs for the picture. */
export async function samSmoke(model: SourceLike, golden: string | URL, picture: ImageLike): Promise<SamSmokeResult> {
  const file = await readSafetensors(golden);
  const read = async (name: string) => {
    const bytes = (await file.tensors.get(name)?.read())?.buffer ?? new ArrayBuffer();
    return name.endsWith("_area") ? new Int32Array(bytes) : new Float32Array(bytes);
  };
  const [x = 0, y = 0] = await read("prompt.points_xy");
  const [logits, scores] = [await read("point.low_res_masks"), await read("point.iou_scores")];
  const areas = await read("point.masks_area");
  await file.close();
  const sam = await Sam.fromPretrained(model);
  const { memory } = await sam.device();
  const scene = await sam.encodeImage(picture);
  const masks = await scene.predict({ points: [{ x, y }] });
  scene.dispose();
  sam.dispose();
  const area = (mask: Uint8Array) => mask.reduce((sum, pixel) => sum + pixel, 0);
  const pixels = scene.width * scene.height;
  return {
    logitError:
      largestDifference(
        masks.flatMap((mask) => [...mask.lowResLogits]),
        logits,
      ) / Math.max(...logits.map(Math.abs)),
    scoreError: largestDifference(
      masks.map((mask) => mask.score),
      scores,
    ),
    areaError:
      largestDifference(
        masks.map((mask) => area(mask.mask)),
        areas,
      ) / pixels,
    leakedBuffers: memory.buffers,
  };
}

function largestDifference(got: readonly number[], wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Number.MAX_VALUE;
  return got.reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] ?? Number.NaN))), 0);
}
