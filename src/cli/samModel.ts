// SAM for commands: loaded with bars for what is downloaded; its masks as JSON, as PNG and in tables.

import { Sam } from "../api/sam.ts";
import { loadSharp } from "../io/image/decode.ts";
import type { Mask } from "../masks/rle.ts";
import { type Context, modelSource, openModel } from "./context.ts";

/** The checkpoint that ships, for commands that run SAM. */
export const SHIPPED_SAM = "tiny-sam";

export function openSam(context: Context): Promise<Sam> {
  const source = modelSource(context.options, SHIPPED_SAM);
  return openModel(context, (options) => Sam.fromPretrained(source, options), SHIPPED_SAM);
}

/** A grey PNG: white inside, black outside. */
export async function maskPng({ width, height, data }: Mask): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const grey = data.map((pixel) => pixel * 255);
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}
