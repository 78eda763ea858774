// Pictures of objects by number, as DAVIS and its tools have them: a byte a pixel, 0 for the background, and a palette
// that only says how the numbers look. sharp chooses a palette of its own, so the PNG is written here (PNG
// specification, third edition, 11.2: IHDR, PLTE, IDAT, IEND).
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import type { VideoMask } from "../../api/segmentedVideo.ts";
import type { Size } from "./drawing.ts";

const deflated = promisify(deflate);

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [BITS, INDEXED] = [8, 3];

/** A mask with the logits that it is made of. */
export type LogitMask = Pick<VideoMask, "mask" | "lowResLogits">;

/**
 * The number of each pixel's object, from 1 in the order of the masks. Where several have a pixel it is that with the
 * highest logit, of equal ones the last.
 *
 * @returns [height * width]
 */
export function objectNumbers(masks: readonly LogitMask[], { width, height }: Size): Uint8Array {
  const numbers = new Uint8Array(width * height);
  for (const [i, { mask }] of masks.entries()) {
    for (let at = 0; at < numbers.length; at++) {
      if (mask[at] !== 1) continue;
      const before = masks[(numbers[at] as number) - 1];
      const [x, y] = [at % width, Math.floor(at / width)];
      const isHigher = () =>
        logitAt(masks[i] as LogitMask, x, y, { width, height }) >=
        logitAt(before as LogitMask, x, y, { width, height });
      if (before === undefined || isHigher()) numbers[at] = i + 1;
    }
  }
  return numbers;
}

/** The logit of a frame's pixel: between four of [L, L], as PyTorch's interpolate finds it without align_corners. */
function logitAt({ lowResLogits: logits }: LogitMask, x: number, y: number, { width, height }: Size): number {
  if (!logits) return 0;
  const L = Math.sqrt(logits.length);
  const [u, v] = [Math.max(0, ((x + 0.5) * L) / width - 0.5), Math.max(0, ((y + 0.5) * L) / height - 0.5)];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [right, bottom] = [Math.min(left + 1, L - 1), Math.min(top + 1, L - 1)];
  const between = (row: number) => {
    const [a, b] = [logits[row * L + left] as number, logits[row * L + right] as number];
    return a + (b - a) * (u - left);
  };
  return between(top) + (between(bottom) - between(top)) * (v - top);
}

/** A PNG of a byte a pixel, in DAVIS's colours. */
export async function palettePng(numbers: Uint8Array, { width, height }: Size): Promise<Uint8Array> {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([BITS, INDEXED], 8);
  const rows = Buffer.alloc((width + 1) * height); // each row begins with its filter: 0, none
  for (let y = 0; y < height; y++) rows.set(numbers.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const chunks = [chunk("IHDR", head), chunk("PLTE", DAVIS), chunk("IDAT", await deflated(rows)), chunk("IEND")];
  return Buffer.concat([Uint8Array.from(SIGNATURE), ...chunks]);
}

function chunk(type: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8);
  return bytes;
}

/** Of ISO 3309, with the bits of each byte from the lowest; zlib's own crc32 is not in every Node that this runs in. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (CRCS[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRCS = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** DAVIS 2017's first 22 colours (fperazzi/davis-2017); greys follow. */
const COLOURS = (
  "000000 800000 008000 808000 000080 800080 008080 808080 400000 bf0000 408000 " +
  "bf8000 400080 bf0080 408080 bf8080 004000 804000 00bf00 80bf00 004080 804080"
).split(" ");

/** [256 * 3] */
const DAVIS = Buffer.concat(
  Array.from({ length: 256 }, (_, i) => {
    const colour = COLOURS[i];
    return colour === undefined ? Buffer.from([i, i, i]) : Buffer.from(colour, "hex");
  }),
);
