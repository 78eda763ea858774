// AVIF as Pillow's libavif decodes it. sharp's libheif repeats chroma where libavif interpolates it, which shows at
// edges (up to 49 of 255 steps, half a step on average); @napi-rs/canvas, an optional package, has libavif.
import type { RgbaImage } from "./rgba.ts";

type Canvas = typeof import("@napi-rs/canvas");

/** RGBA of an AVIF picture, upright; undefined without the package. */
export async function decodeAvif(bytes: Uint8Array): Promise<RgbaImage | undefined> {
  const canvas = await import("@napi-rs/canvas").catch(() => undefined);
  if (!canvas) return undefined;
  const opaque = withoutAlpha(bytes);
  if (!opaque) return draw(canvas, bytes);
  // A canvas multiplies colours by alpha: the colours are taken from the picture as if it had none.
  const [colours, alpha] = [await draw(canvas, opaque), await draw(canvas, bytes)];
  for (let i = 3; i < colours.data.length; i += 4) colours.data[i] = alpha.data[i] ?? 255;
  return colours;
}

async function draw({ createCanvas, loadImage }: Canvas, bytes: Uint8Array): Promise<RgbaImage> {
  const image = await loadImage(bytes);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

/**
 * The file without its reference to alpha; undefined where it has none, or where colours are stored multiplied by it.
 */
function withoutAlpha(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const copy = bytes.slice();
  let hasAlpha = false;
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at) || bytes.length - at;
    const type = textAt(bytes, at + 4);
    // Everything that describes the pictures is in these two boxes; those with the pictures themselves are passed over.
    for (let i = at; (type === "meta" || type === "moov") && i + 4 <= Math.min(at + size, bytes.length); i++) {
      if (bytes[i] === 0x70 && textAt(bytes, i) === "prem") return undefined;
      if (bytes[i] !== 0x61 || textAt(bytes, i) !== "auxl") continue;
      copy.set([0x66, 0x72, 0x65, 0x65], i); // "free" is a reference of no meaning
      hasAlpha = true;
    }
    if (size < 8) break; // a length of 64 bits: no file within the limits of sides has one before its description
    at += size;
  }
  return hasAlpha ? copy : undefined;
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** Whether the file itself says how it is turned, which the decoder then did. */
export function turnsItself(bytes: Uint8Array): boolean {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  return /irot|imir/.test(head);
}
