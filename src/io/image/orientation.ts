// Which way up a picture is that says so in XMP alone, as Pillow's Image.getexif reads it (src/PIL/Image.py).
import type { Sharp } from "sharp";

/** The orientation, 1 to 8, that a block of XMP states; 1 where it states none. */
export function xmpOrientation(xmp: Uint8Array | undefined): number {
  if (!xmp) return 1;
  const text = new TextDecoder("latin1").decode(xmp);
  return Number(/tiff:Orientation(?:="|>)([0-9])/.exec(text)?.[1] ?? 1);
}

/** Turns and mirrors a picture of this orientation upright, as ImageOps.exif_transpose does. */
export function upright(picture: Sharp, orientation: number): Sharp {
  // sharp mirrors before it turns, whatever the order of the calls.
  const degrees = { 3: 180, 5: 270, 6: 90, 7: 90, 8: 270 }[orientation] ?? 0;
  const isMirrored = [2, 4, 5, 7].includes(orientation);
  const turned = degrees === 0 ? picture : picture.rotate(degrees);
  if (!isMirrored) return turned;
  return orientation === 4 ? turned.flip() : turned.flop();
}
