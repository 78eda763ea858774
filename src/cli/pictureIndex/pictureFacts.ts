// What a file says of its picture: size, when and where it was taken.
import { createHash } from "node:crypto";
import { loadSharp } from "../../io/image/decode.ts";
import type { PictureFile } from "../files/pictures.ts";
import type { PictureFacts } from "./indexTable.ts";

/** The facts of a picture. What its file does not say, or says in a way that cannot be read, is null. */
export async function pictureFacts(bytes: Uint8Array, { mtimeMs }: PictureFile): Promise<PictureFacts> {
  const { width, height, exif } = await header(bytes);
  const { taken, latitude, longitude } = await readExif(exif);
  const hash = createHash("sha256").update(bytes).digest("hex");
  return { hash, bytes: bytes.length, modified: mtimeMs, width, height, taken, latitude, longitude };
}

async function header(bytes: Uint8Array) {
  const sharp = await loadSharp();
  try {
    const { width, height, autoOrient, exif } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { width: autoOrient?.width ?? width, height: autoOrient?.height ?? height, exif };
  } catch {
    return { width: null, height: null, exif: undefined }; // a format that other packages decode
  }
}

interface Exif {
  readonly taken: Date | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
}

const NOTHING: Exif = { taken: null, latitude: null, longitude: null };

async function readExif(exif: Buffer | undefined): Promise<Exif> {
  if (!exif) return NOTHING;
  const { default: read } = await import("exif-reader");
  try {
    const { Photo, Image, GPSInfo } = read(exif);
    const taken = Photo?.DateTimeOriginal ?? Image?.DateTime ?? null;
    return {
      taken: taken instanceof Date && Number.isFinite(taken.getTime()) ? taken : null,
      latitude: degrees(GPSInfo?.GPSLatitude, GPSInfo?.GPSLatitudeRef === "S", 90),
      longitude: degrees(GPSInfo?.GPSLongitude, GPSInfo?.GPSLongitudeRef === "W", 180),
    };
  } catch {
    return NOTHING; // EXIF is often cut off
  }
}

/** Degrees, minutes and seconds as one number; null for what is none. */
function degrees(parts: readonly number[] | undefined, isNegative: boolean, most: number): number | null {
  const [whole = Number.NaN, minutes = 0, seconds = 0] = parts ?? [];
  const value = (isNegative ? -1 : 1) * (whole + minutes / 60 + seconds / 3600);
  return Math.abs(value) <= most ? value : null;
}
