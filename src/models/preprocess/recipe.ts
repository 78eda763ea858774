// How a picture is brought to what a model takes, as data: the settings of a processor's file, whoever wrote it.
import { ImageError } from "../../device/errors.ts";
import type { Rgb } from "../../kernels/normalizeImage.ts";
import type { ResizeFilter } from "../../kernels/resize.ts";

/** [height, width] in pixels. */
export type Size = readonly [height: number, width: number];

/**
 * To what size a picture is resized. A number is its shortest edge, two are its height and width. All others keep its
 * shape: by its longest edge; by its shortest unless the longest comes to more than `atMost`; to the largest size
 * within one; to the largest size that one contains, or the smallest that covers one, edges rounded half to even.
 */
export type Resize =
  | number
  | Size
  | { readonly longest: number }
  | { readonly shortest: number; readonly atMost: number }
  | { readonly within: Size }
  | { readonly contained: Size }
  | { readonly covers: Size };

/** What is done to a picture, in this order; a step that is absent is not done. */
export interface Preprocessing {
  /** Resize floats after rescaling, not bytes (DINOv3), with a filter that widens as the picture shrinks. */
  readonly resizeFloats?: boolean;
  readonly resize?: Resize;
  /** Of floats, bilinear or bicubic. */
  readonly resample: ResizeFilter;
  /** torch resizes bytes along the width first; Pillow 13 where that saves work, seen where filters overshoot. */
  readonly widthFirst?: boolean;
  /** Centre crop [height, width]. */
  readonly crop?: Size;
  /** Where half a pixel of what the crop leaves goes: torchvision's rounding (half to even), or else transformers'. */
  readonly centre?: "halfToEven";
  /** Bytes of the border where the picture is smaller than the crop, rounded half to even; black when absent. */
  readonly fill?: Rgb;
  /** Zeros to the right and below, after normalising, up to [height, width]. */
  readonly pad?: Size;
  /** Factor from bytes to numbers, 1/255 as a rule. */
  readonly rescale: number;
  readonly mean: Rgb;
  readonly std: Rgb;
}

/** The same recipe ending in a square of another size. */
export function atSize(recipe: Preprocessing, side: number): Preprocessing {
  const { resize = side, pad } = recipe;
  const square = [side, side] as const;
  const ofSquare = (size: Exclude<Resize, number>): Resize => {
    if ("covers" in size) return { covers: square };
    return "contained" in size ? { contained: square } : square;
  };
  const sized = typeof resize === "number" ? side : ofSquare(resize);
  return { ...recipe, resize: sized, crop: square, ...(pad && { pad: square }) };
}

/** Size of what a picture of [height, width] becomes; throws ImageError where it is larger than the padded size. */
export function outputSize({ crop, pad, resize }: Preprocessing, size: Size): Size {
  const [height, width] = crop ?? resizedSize(resize, size);
  if (pad && (height > pad[0] || width > pad[1])) {
    throw new ImageError(
      `the picture comes to ${height} x ${width}, expected at most ${pad.join(" x ")}, the padded size: shrink it`,
    );
  }
  return pad ?? [height, width];
}

/** Size of what a picture of [height, width] is resized to. */
export function resizedSize(resize: Resize | undefined, size: Size): Size {
  if (resize === undefined) return size;
  if (typeof resize === "number") return byShortest(resize, size);
  if ("longest" in resize) {
    const scale = resize.longest / Math.max(...size);
    return edges(size, (length) => Math.floor(length * scale + 0.5));
  }
  if ("within" in resize) {
    const scale = Math.min(resize.within[0] / size[0], resize.within[1] / size[1]);
    return edges(size, (edge) => Math.floor(edge * scale));
  }
  if ("shortest" in resize) return byBothEdges(resize.shortest, resize.atMost, size);
  if ("covers" in resize) return byRatio(Math.min, resize.covers, size);
  if ("contained" in resize) return byRatio(Math.max, resize.contained, size);
  return resize;
}

/** A picture of 1 x 300 keeps its one pixel, where Python's processors fail on an edge of 0. */
function edges([H, W]: Size, length: (edge: number) => number): Size {
  return [Math.max(1, length(H)), Math.max(1, length(W))];
}

/** torchvision's _compute_resized_output_size: the other edge is cut to a whole number. */
function byShortest(edge: number, [H, W]: Size): Size {
  const long = Math.floor((edge * Math.max(H, W)) / Math.min(H, W));
  return H <= W ? [edge, long] : [long, edge];
}

/** get_size_with_aspect_ratio of transformers' image_transforms.py. */
function byBothEdges(shortest: number, longest: number, [H, W]: Size): Size {
  const [short, long] = [Math.min(H, W), Math.max(H, W)];
  const isTooLong = (long / short) * shortest > longest;
  const exact = isTooLong ? (longest * short) / long : shortest;
  const edge = isTooLong ? roundHalfToEven(exact) : shortest;
  if (edge === short) return [H, W];
  return W < H ? edges([(exact * H) / W, edge], Math.floor) : edges([edge, (exact * W) / H], Math.floor);
}

/** ResizeKeepRatio of timm's data/transforms.py and open_clip's transform.py. */
function byRatio(choose: typeof Math.min, [height, width]: Size, [H, W]: Size): Size {
  const ratio = choose(H / height, W / width);
  return edges([H, W], (edge) => roundHalfToEven(edge / ratio));
}

/**
 * Where a centre crop begins along an edge; before the picture where that is smaller: the border's odd pixel comes
 * after it, as in torchvision and in transformers' processors that use it.
 */
export function cropStart(edge: number, crop: number, centre: Preprocessing["centre"]): number {
  if (edge < crop) return -Math.floor((crop - edge) / 2);
  return centre === "halfToEven" ? roundHalfToEven((edge - crop) / 2) : Math.floor((edge - crop) / 2);
}

/** Python's round(). */
export function roundHalfToEven(value: number): number {
  return value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value);
}
