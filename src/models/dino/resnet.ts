// The part of DINO's ResNets, and the reading of their files: loaded where a checkpoint has one.
import type { Value } from "../../graph/graph.ts";
import { definePart } from "../part.ts";
import type { ResnetConfig } from "../resnet/config.ts";
import { resnet } from "../resnet/model.ts";
import { type PixelSettings, pixelInputs } from "./parts.ts";

export { resnetConfig } from "../resnet/config.ts";
export { resnetNaming } from "../resnet/names.ts";

interface ResnetSettings extends PixelSettings {
  readonly config: ResnetConfig;
}

/** pixels [B, H, W, 3], normalised, to the last stage's map [B, h, w, C], and its mean, pooled [B, C]. */
export const resnetPart = /* @__PURE__ */ definePart({
  name: "dino resnet image",
  inputs: (settings: ResnetSettings) => pixelInputs(settings),
  record: ({ pixels }, weights, { config }): Readonly<Record<string, Value>> => {
    const { map, pooled } = resnet(pixels, weights, config);
    return { map, pooled };
  },
});
