// Masks and their run-length encoding, as segment-anything and COCO write it: runs down the columns, from the left, the
// first of zeros. Everything mode keeps its masks in this form, a hundredth of their pixels.
import { ArgumentError } from "../device/errors.ts";

/** A binary mask: a byte of 0 or 1 for each pixel, rows from the top. */
export interface Mask {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** [height, width] */
  readonly data: Uint8Array;
}

/**
 * A mask as a GPU hands it over, a bit for each pixel, columns from the left; each column begins a new word.
 * Pixel (x, y) is bit y % 32 of words[x * ceil(height / 32) + floor(y / 32)]. Bits below the last row mean nothing.
 */
export interface MaskBits {
  readonly width: number;
  readonly height: number;
  /** [width, ceil(height / 32)] */
  readonly words: Uint32Array;
}

/** Uncompressed run-length encoding: lengths of the runs of zeros, ones, zeros ... down the columns. */
export interface Rle {
  /** Of the mask, in pixels. */
  readonly size: readonly [height: number, width: number];
  /** They sum to height * width. The first is 0 where the mask begins with a one. */
  readonly counts: readonly number[];
}

/** Corners of a box in pixels; of a mask, the first and last pixels inside; of a crop, the end lies outside. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/**
 * Run-length encoding of a mask.
 *
 * @throws ArgumentError when the data is not width * height bytes of 0 and 1.
 * @example
 * encodeRle({ width: 2, height: 2, data: Uint8Array.of(0, 1, 0, 1) });   // { size: [2, 2], counts: [2, 2] }
 */
export function encodeRle({ width, height, data }: Mask): Rle {
  checkSize(width, height);
  if (data.length !== width * height) {
    throw new ArgumentError(`a mask of ${width} x ${height} has ${data.length} bytes, expected ${width * height}`);
  }
  const counts: number[] = [];
  let value = 0;
  let start = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0, at = x; y < height; y++, at += width) {
      const pixel = data[at] as number;
      if (pixel === value) continue;
      if (pixel > 1) throw new ArgumentError(`a mask has a ${pixel} at (${x}, ${y}), expected 0 or 1`);
      counts.push(x * height + y - start);
      start = x * height + y;
      value = pixel;
    }
  }
  counts.push(width * height - start);
  return { size: [height, width], counts };
}

/** Run-length encoding of packed bits; 32 equal pixels are one step. */
export function encodeBits({ width, height, words }: MaskBits): Rle {
  checkSize(width, height);
  const perColumn = Math.ceil(height / 32);
  if (words.length !== width * perColumn) {
    throw new ArgumentError(`packed ${width} x ${height} has ${words.length} words, expected ${width * perColumn}`);
  }
  const lastWord = height % 32 ? ~(-1 << (height % 32)) : -1;
  const counts: number[] = [];
  let flip = 0; // all ones within a run of ones, so that set bits are always those that end the run
  let start = 0;
  for (let i = 0, x = 0; x < width; x++) {
    for (let row = 0; row < perColumn; row++, i++) {
      const inside = row === perColumn - 1 ? lastWord : -1;
      let ends = ((words[i] as number) ^ flip) & inside;
      while (ends !== 0) {
        const bit = 31 - Math.clz32(ends & -ends);
        const at = x * height + row * 32 + bit;
        counts.push(at - start);
        start = at;
        flip = ~flip;
        ends = ~ends & inside & ~((2 << bit) - 1);
      }
    }
  }
  counts.push(width * height - start);
  return { size: [height, width], counts };
}

/**
 * The mask of a run-length encoding.
 *
 * @throws ArgumentError when the counts are not whole numbers that sum to height * width.
 * @example
 * const { width, height, data } = decodeRle({ size: [2, 2], counts: [2, 2] });
 */
export function decodeRle(rle: Rle): Mask {
  checkRle(rle);
  const [height, width] = rle.size;
  return decodeWithin(rle, [0, 0, width, height]);
}

/** The part of a mask in [x0, x1) x [y0, y1): a small mask of a large picture takes no more than its box. */
export function decodeWithin(rle: Rle, [x0, y0, x1, y1]: Box): Mask {
  const [width, height, rows] = [x1 - x0, y1 - y0, rle.size[0]];
  const data = new Uint8Array(width * height);
  for (const [start, end] of columnRuns(rle, 1)) {
    const x = Math.floor(start / rows);
    if (x < x0 || x >= x1) continue;
    const last = Math.min(end - x * rows, y1);
    for (let y = Math.max(start - x * rows, y0); y < last; y++) data[(y - y0) * width + x - x0] = 1;
  }
  return { width, height, data };
}

/** Pixels inside a mask. */
export function maskArea(mask: Mask | Rle): number {
  const { counts } = rleOf(mask);
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i] as number;
  return area;
}

/**
 * First and last column and row with a pixel inside; zeros for an empty mask.
 *
 * @example
 * const [x0, y0, x1, y1] = maskBox(mask);    // x1 and y1 are inside: a single pixel has x0 = x1
 */
export function maskBox(mask: Mask | Rle): [x0: number, y0: number, x1: number, y1: number] {
  const rle = rleOf(mask);
  const [height, width] = rle.size;
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (const [start, end] of columnRuns(rle, 1)) {
    const x = Math.floor(start / height);
    x0 = Math.min(x0, x);
    x1 = x;
    y0 = Math.min(y0, start - x * height);
    y1 = Math.max(y1, end - 1 - x * height);
  }
  return x1 < 0 ? [0, 0, 0, 0] : [x0, y0, x1, y1];
}

/** A crop's mask in the whole image. */
export function uncropRle(rle: Rle, [x0, y0, x1, y1]: Box, size: Rle["size"]): Rle {
  const [height, width] = size;
  if (x0 === 0 && y0 === 0 && x1 === width && y1 === height) return rle;
  const cropHeight = rle.size[0];
  const runs: [number, number][] = [];
  for (const [start, end] of columnRuns(rle, 1)) {
    const x = Math.floor(start / cropHeight);
    const shift = (x0 + x) * height + y0 - x * cropHeight;
    runs.push([start + shift, end + shift]);
  }
  return rleOfRuns(runs, size);
}

/** Runs of `value` (0 or 1), cut at the ends of columns: [start, end) as indices down the columns. */
export function* columnRuns({ size: [height], counts }: Rle, value: 0 | 1): Generator<[start: number, end: number]> {
  let at = 0;
  for (const [i, count] of counts.entries()) {
    const end = at + count;
    while (i % 2 === value && at < end) {
      const stop = Math.min(end, (Math.floor(at / height) + 1) * height);
      yield [at, stop];
      at = stop;
    }
    at = end;
  }
}

/** The encoding of a mask whose ones are these runs, in order and apart or touching. */
export function rleOfRuns(runs: Iterable<readonly [start: number, end: number]>, size: Rle["size"]): Rle {
  const counts: number[] = [];
  let at = 0;
  for (const [start, end] of runs) {
    if (start === at && counts.length > 0) counts.push((counts.pop() as number) + end - start);
    else counts.push(start - at, end - start);
    at = end;
  }
  const rest = size[0] * size[1] - at;
  if (rest > 0 || counts.length === 0) counts.push(rest);
  return { size, counts };
}

/** Throws ArgumentError unless the counts describe a mask of this size. */
export function checkRle({ size: [height, width], counts }: Rle): void {
  checkSize(width, height);
  let sum = 0;
  for (const count of counts) {
    if (!Number.isInteger(count) || count < 0) throw new ArgumentError(`a run has the length ${count}`);
    sum += count;
  }
  if (sum === height * width) return;
  throw new ArgumentError(`the runs sum to ${sum}, expected ${height * width} (size ${height} x ${width})`);
}

function rleOf(mask: Mask | Rle): Rle {
  return "counts" in mask ? mask : encodeRle(mask);
}

function checkSize(width: number, height: number): void {
  if ([width, height].every((side) => Number.isSafeInteger(side) && side >= 1)) return;
  throw new ArgumentError(`a mask is ${width} x ${height} (width x height), expected whole numbers from 1`);
}
