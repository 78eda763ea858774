// COCO's compressed run-length encoding: the counts as text, character for character what pycocotools writes
// (cocodataset/cocoapi: common/maskApi.c, rleToString). A count, from the fourth on less the one before the last, is
// written in groups of five bits from the lowest; each is one character from code 48, with bit 5 where more follow.
import { ArgumentError } from "../device/errors.ts";
import { checkRle, type Rle } from "./rle.ts";

/** What pycocotools reads and writes, and COCO's JSON files hold. */
export interface CocoRle {
  /** Of the mask, in pixels. */
  readonly size: readonly [height: number, width: number];
  /** Run lengths in COCO's characters. */
  readonly counts: string;
}

/**
 * Compresses the counts to a string.
 *
 * @throws ArgumentError when the counts are not whole numbers that sum to height * width.
 * @example
 * toCocoRle(encodeRle(mask));    // { size: [480, 640], counts: "Ymk21l>3N1O..." }
 */
export function toCocoRle(rle: Rle): CocoRle {
  checkRle(rle);
  const { size, counts } = rle;
  let text = "";
  for (const [i, count] of counts.entries()) {
    let rest = i > 2 ? count - (counts[i - 2] as number) : count;
    let more = true;
    while (more) {
      const group = rest & 0x1f;
      rest >>= 5;
      more = rest !== (group & 0x10 ? -1 : 0);
      text += String.fromCharCode(48 + group + (more ? 0x20 : 0));
    }
  }
  return { size, counts: text };
}

/**
 * Reads what pycocotools wrote.
 *
 * @throws ArgumentError for a string that is no such encoding, or of a mask of another size.
 * @example
 * const mask = decodeRle(fromCocoRle({ size: [2, 2], counts: "22" }));
 */
export function fromCocoRle({ size, counts: text }: CocoRle): Rle {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const group = text.charCodeAt(at++) - 48;
      if (!(group >= 0 && group < 64) || shift > 30) throw invalid(text, at - 1);
      value |= (group & 0x1f) << shift;
      shift += 5;
      more = (group & 0x20) !== 0;
      if (!more && group & 0x10 && shift < 32) value |= -1 << shift;
    }
    counts.push(counts.length > 2 ? value + (counts.at(-2) as number) : value);
  }
  const rle = { size, counts };
  checkRle(rle);
  return rle;
}

function invalid(text: string, at: number): ArgumentError {
  const problem = at < text.length ? `has ${JSON.stringify(text[at])} at ${at}` : "ends within a number";
  return new ArgumentError(`the string of a COCO RLE ${problem}: it was cut, or is no RLE`);
}
