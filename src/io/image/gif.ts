// What Pillow shows of a GIF's first frame (src/PIL/GifImagePlugin.py): transparent pixels have the palette's colour,
// and what the frame leaves free of the canvas has the transparent colour, or else the first one. libnsgif, which sharp
// reads GIF by, makes both black.

/** The first frame of a GIF. */
export interface GifFrame {
  /** The file with the frame declared to be opaque; undefined where it is. */
  readonly opaque: Uint8Array | undefined;
  /** Where the frame lies on the canvas, in pixels. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** The colour around it: RGB. */
  readonly around: readonly number[];
}

/** Walks the blocks of a file to its first frame; undefined where it has none. */
export function firstFrame(gif: Uint8Array): GifFrame | undefined {
  const { packed, end } = { packed: gif[10] ?? 0, end: 13 };
  const globalTable = tableOf(gif, packed, end);
  let at = end + globalTable.length;
  let control: number | undefined; // where the flags of the graphic control extension are
  while (gif[at] === EXTENSION) {
    if (gif[at + 1] === GRAPHIC_CONTROL) control = at + 3;
    at += 2;
    while (gif[at]) at += 1 + (gif[at] ?? 0); // sub-blocks, each with its length before it
    at += 1;
  }
  if (gif[at] !== FRAME) return undefined;
  const number = (offset: number) => (gif[at + offset] ?? 0) | ((gif[at + offset + 1] ?? 0) << 8);
  const localTable = tableOf(gif, gif[at + 9] ?? 0, at + 10);
  const isTransparent = control !== undefined && ((gif[control] ?? 0) & 1) === 1;
  const index = isTransparent ? (gif[(control as number) + 3] ?? 0) : 0;
  const table = localTable.length > 0 ? localTable : globalTable;
  const around = Array.from({ length: 3 }, (_, c) => table[index * 3 + c] ?? 0);
  const [left, top, width, height] = [number(1), number(3), number(5), number(7)];
  return { opaque: isTransparent ? without(gif, control as number) : undefined, left, top, width, height, around };
}

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const FRAME = 0x2c;

/** The colour table that flags announce, at `at`; empty where there is none. */
function tableOf(gif: Uint8Array, flags: number, at: number): Uint8Array {
  return gif.subarray(at, at + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0));
}

function without(gif: Uint8Array, control: number): Uint8Array {
  const opaque = gif.slice();
  opaque[control] = (gif[control] ?? 0) & ~1;
  return opaque;
}

/** Gives what lies around the frame its colour, in RGBA of the whole canvas. */
export function fillAround(rgba: Uint8Array, canvasWidth: number, frame: GifFrame): void {
  const height = rgba.length / 4 / canvasWidth;
  const [right, bottom] = [frame.left + frame.width, frame.top + frame.height];
  if (frame.left === 0 && frame.top === 0 && right >= canvasWidth && bottom >= height) return;
  const [red = 0, green = 0, blue = 0] = frame.around;
  // Whole rows at once: of a large canvas with a small frame each pixel for itself takes seconds.
  const row = new Uint8Array(canvasWidth * 4);
  new Uint32Array(row.buffer).fill(new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0] ?? 0);
  const fill = (y: number, from: number, to: number) => {
    if (to <= from) return;
    const start = (y * canvasWidth + from) * 4;
    const alphas = frame.opaque ? undefined : rgba.slice(start, start + (to - from) * 4);
    rgba.set(row.subarray(0, (to - from) * 4), start);
    if (alphas) for (let i = 3; i < alphas.length; i += 4) rgba[start + i] = alphas[i] ?? 255;
  };
  for (let y = 0; y < height; y++) {
    const isBeside = y >= frame.top && y < bottom;
    fill(y, 0, isBeside ? Math.min(frame.left, canvasWidth) : canvasWidth);
    if (isBeside) fill(y, right, canvasWidth);
  }
}
