// Numbers of a grid as colours that lie on a photo.

/** Numbers row by row. */
export interface NumberMap {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

/** One pixel a patch, RGBA. */
export interface Layer {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** "heat": from dark to yellow. "light": the photo itself, dark where the number is low. */
export type Look = "heat" | "light";

/** How a layer lies on its photo, as the visitor chose. */
export interface How {
  readonly look: Look;
  /** 0 to 1. */
  readonly opacity: number;
  /** Patches flow into each other, instead of squares. */
  readonly smooth: boolean;
}

// Knots of matplotlib's inferno: its lightness rises evenly, so that it reads in grey and to the colour-blind too.
const INFERNO = ["000004", "420a68", "932667", "dd513a", "fca50a", "fcffa4"].map((hex) => {
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
});

/** Red, green and blue, 0 to 255, of a number from 0 to 1. */
export function heatColour(value: number): number[] {
  const at = Math.min(1, Math.max(0, value)) * (INFERNO.length - 1);
  const low = Math.min(INFERNO.length - 2, Math.floor(at));
  const [from = [], to = []] = INFERNO.slice(low, low + 2);
  return from.map((part, c) => Math.round(part + (at - low) * ((to[c] as number) - part)));
}

const LEVELS = 1023;

const RAMPS: Readonly<Record<Look, Uint8ClampedArray>> = {
  heat: rampOf((value) => [...heatColour(value), 255]),
  // Attention is uneven: its square root lets weaker places be seen too.
  light: rampOf((value) => [8, 8, 10, 255 * (1 - Math.sqrt(value))]),
};

function rampOf(colour: (value: number) => number[]): Uint8ClampedArray {
  return new Uint8ClampedArray(Array.from({ length: LEVELS + 1 }, (_, level) => colour(level / LEVELS)).flat());
}

/** The least and the greatest number of maps. */
export function rangeOf(...maps: readonly NumberMap[]): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { data } of maps) {
    for (let i = 0; i < data.length; i++) {
      least = Math.min(least, data[i] as number);
      most = Math.max(most, data[i] as number);
    }
  }
  return [least, most];
}

/** A map as a layer; the least number of `range` is dark. The highest fiftieth is fully lit, or peaks outshine all. */
export function paintMap(
  map: NumberMap,
  look: Look,
  range: readonly [least: number, most: number] = rangeOf(map),
): Layer {
  const { width, height, data } = map;
  const least = range[0];
  const most = look === "heat" ? range[1] : Math.min(range[1], quantile(map, 0.98));
  const ramp = RAMPS[look];
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const value = most > least ? ((data[i] as number) - least) / (most - least) : 0;
    const level = Math.round(Math.min(1, Math.max(0, value)) * LEVELS);
    rgba.set(ramp.subarray(level * 4, level * 4 + 4), i * 4);
  }
  return { width, height, rgba };
}

/** The number that this share of a map lies below. */
export function quantile({ data }: NumberMap, share: number): number {
  return Float64Array.from(data).sort()[Math.floor(share * (data.length - 1))] as number;
}

/** Colours of patches as a layer, those outside of the foreground transparent. */
export function paintColours(picture: {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  readonly foreground: Uint8Array;
}): Layer {
  const { width, height, rgb, foreground } = picture;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
    rgba[i * 4 + 3] = foreground[i] ? 255 : 0;
  }
  return { width, height, rgba };
}

/** Row and column of the greatest number. */
export function strongest({ width, data }: NumberMap): [row: number, column: number] {
  let best = 0;
  for (let i = 1; i < data.length; i++) if ((data[i] as number) > (data[best] as number)) best = i;
  return [Math.floor(best / width), best % width];
}
