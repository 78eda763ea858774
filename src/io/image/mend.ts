// Files that Pillow reads and ImageMagick reads otherwise or not at all, written anew as ImageMagick takes them.
import { ImageError } from "../../device/errors.ts";
import { pnmHeader } from "./declared.ts";

/** What a BMP file's header says, as Pillow understands it (src/PIL/BmpImagePlugin.py). */
function bitmapOf(view: DataView, at: number) {
  const size = view.getUint32(at, true);
  const isOld = size === 12;
  const width = isOld ? view.getUint16(at + 4, true) : view.getInt32(at + 4, true);
  const rows = isOld ? view.getUint16(at + 6, true) : Math.abs(view.getInt32(at + 8, true));
  const bits = view.getUint16(at + (isOld ? 10 : 14), true);
  const compression = isOld ? 0 : view.getUint32(at + 16, true);
  const colours = (isOld ? 0 : view.getUint32(at + 32, true)) || 2 ** bits;
  const masks = compression === 3 && size === 40 ? 12 : 0;
  const palette = bits <= 8 ? colours * (isOld ? 3 : 4) : 0;
  const stride = Math.floor((width * bits + 31) / 32) * 4;
  return { isOld, width, rows, bits, compression, palette, stride, end: at + size + masks + palette };
}

/** A BMP whose header gives its true length, with its pixels right behind the header and nothing behind them. */
export function mendBmp(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length < 54) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { isOld, width, rows, bits, compression, palette, stride, end } = bitmapOf(view, 14);
  if (compression !== 0 && compression !== 3) {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(2, copy.length, true);
    return copy;
  }
  const stated = view.getUint32(10, true);
  // Pillow: no offset, or one that forgets the palette.
  const start = stated === 0 || stated === end - palette ? end : stated;
  // Only the padding of the last row may be missing.
  if (start + rows * stride - (stride - Math.ceil((width * bits) / 8)) > bytes.length) throw cutOff(name);
  const head = Math.min(start, end);
  const out = new Uint8Array(head + rows * stride);
  out.set(bytes.subarray(0, head));
  out.set(bytes.subarray(start, start + rows * stride), head);
  const header = new DataView(out.buffer);
  header.setUint32(2, out.length, true);
  header.setUint32(10, head, true);
  if (!isOld) header.setUint32(34, rows * stride, true);
  if (!isOld && bits > 8) header.setUint32(46, 0, true); // a palette that Pillow does not read
  return out;
}

/**
 * Icons without the last mask, of which Pillow reads none at 32 bits a pixel, or with lengths beyond the end of the
 * file, which Pillow does not look at. Those whose pixels are cut off are left to the decoder, which refuses them.
 */
export function mendIco(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole: { readonly entry: number; readonly at: number }[] = [];
  let length = bytes.length;
  try {
    for (let i = 0; i < view.getUint16(4, true); i++) {
      const entry = 6 + i * 16;
      const at = view.getUint32(entry + 12, true);
      if (view.getUint32(at) === 0x89504e47) continue;
      const { width, rows, stride, bits, end } = bitmapOf(view, at);
      const pixels = end + (rows / 2) * stride;
      const mask = (rows / 2) * Math.ceil(width / 32) * 4;
      if (pixels + (bits === 32 ? 0 : mask) > bytes.length) continue;
      whole.push({ entry, at });
      length = Math.max(length, pixels + mask);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const out = new Uint8Array(length);
  out.set(bytes);
  const header = new DataView(out.buffer);
  for (const { entry, at } of whole) {
    const held = Math.min(header.getUint32(entry + 8, true), length - at);
    header.setUint32(entry + 8, held, true);
  }
  return out;
}

/** A PBM that is whole, or PGM and PPM whose channels are brought to 0 .. 255 as Pillow does. */
export function mendPnm(bytes: Uint8Array, name: string): Uint8Array {
  const header = pnmHeader(bytes);
  if (!header) return bytes;
  const [width, height] = header.size;
  const kind = (bytes[1] ?? 0) - 48;
  if (header.most === undefined) {
    const held = kind === 4 ? bytes.length - header.end : plainText(bytes, header.end).replace(/\s/g, "").length;
    if (held < height * (kind === 4 ? Math.ceil(width / 8) : width)) throw cutOff(name);
    return bytes;
  }
  const { most } = header;
  if (most < 1 || most > 65535) throw new ImageError(`[image] ${name} has channels of 0 to ${most}, expected 65535`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const values = kind < 4 ? plainValues(bytes, header.end, most, name) : rawValues(bytes.subarray(header.end), most);
  const count = width * height * channels;
  if (values.length < count) throw cutOff(name);
  const start = new TextEncoder().encode(`P${channels === 3 ? 6 : 5}\n${width} ${height}\n255\n`);
  const out = new Uint8Array(start.length + count);
  out.set(start);
  const scaled = Uint8Array.from({ length: most + 1 }, (_, value) => halfToEven((value / most) * 255));
  for (let i = 0; i < count; i++) out[start.length + i] = scaled[Math.min(values[i] ?? 0, most)] ?? 255;
  return out;
}

function rawValues(pixels: Uint8Array, most: number): Uint8Array | Uint16Array {
  if (most < 256) return pixels;
  const view = new DataView(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  return Uint16Array.from({ length: pixels.length >> 1 }, (_, i) => view.getUint16(i * 2));
}

function plainText(bytes: Uint8Array, start: number): string {
  return new TextDecoder("latin1").decode(bytes.subarray(start)).replace(/#[^\r\n]*/g, "");
}

function plainValues(bytes: Uint8Array, start: number, most: number, name: string): number[] {
  const values = (plainText(bytes, start).match(/\S+/g) ?? []).map(Number);
  const wrong = values.find((value) => !(value >= 0 && value <= most));
  if (wrong === undefined) return values;
  throw new ImageError(`[image] ${name} has a channel of ${wrong}, expected 0 to ${most} as its header says`);
}

/** Python's round. */
function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

export function cutOff(name: string): ImageError {
  return new ImageError(`[image] ${name} is cut off: it ends before its last pixel. Get the whole file`);
}
