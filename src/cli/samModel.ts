// SAM for commands: loaded with bars for what is downloaded.
import { Sam } from "../api/sam.ts";
import type { MaskEdges } from "../masks/edges.ts";
import { type Context, modelSource, openModel } from "./context.ts";

/** The checkpoint that ships, for commands that run SAM. */
export const SHIPPED_SAM = "tiny-sam";

export function openSam(context: Context): Promise<Sam> {
  const source = modelSource(context.options, SHIPPED_SAM);
  return openModel(context, (options) => Sam.fromPretrained(source, options), SHIPPED_SAM);
}

/** For tables. */
export function edgesText({ x0, y0, x1, y1 }: MaskEdges): string {
  return x1 === x0 ? "empty" : `${x0},${y0} – ${x1},${y1}`;
}
