// Tokens of CLIP's towers beside the embeddings, as transformers gives them. Loaded where they are asked for.
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import { type ClipConfig, isClipResnet } from "../models/clip/config.ts";
import { stateName, type TokenRequest } from "../models/clip/parts.ts";
import type { EncodedPicture } from "../pictures/encodeOptions.ts";
import type { ClipImageTokens, ClipTextTokens, HiddenStates, ImageTokens } from "./clipTokenOptions.ts";
import { stack } from "./embeddings.ts";

/** What the tower is asked for; layers are counted from 0, whatever sign they were given with. */
export function imageRequest(vision: ClipConfig["vision"], { hiddenStates, patches }: ImageTokens): TokenRequest {
  if (isClipResnet(vision)) throw new ArgumentError("a CLIP ResNet has no tokens: ask a CLIP with a ViT for them");
  const states = hiddenStates === undefined ? [] : layersOf(hiddenStates, vision.num_hidden_layers);
  return { hiddenStates: states, lastHiddenState: patches === true };
}

/** As `imageRequest`, of a text. */
export function textRequest({ num_hidden_layers }: ClipConfig["text"], hiddenStates: HiddenStates): TokenRequest {
  return { hiddenStates: layersOf(hiddenStates, num_hidden_layers), lastHiddenState: true };
}

function layersOf(wanted: HiddenStates, layers: number): number[] {
  if (wanted === true) return Array.from({ length: layers + 1 }, (_, i) => i);
  return wanted.map((layer) => {
    const fromStart = layer < 0 ? layer + layers + 1 : layer;
    if (Number.isInteger(fromStart) && fromStart >= 0 && fromStart <= layers) return fromStart;
    throw new ArgumentError(
      `there are no hidden states ${layer}: the model has ${layers + 1}, from 0 (what goes into the first layer)`,
    );
  });
}

type Outputs = Readonly<Record<string, NdArray>>;

/** Runs of texts under each other. */
export function textTokens(runs: readonly Outputs[], request: TokenRequest): ClipTextTokens {
  return {
    embeds: all(runs, "embeds"),
    hiddenStates: request.hiddenStates.map((layer) => all(runs, stateName(layer))),
    lastHiddenState: all(runs, "lastHiddenState"),
  };
}

/** Pictures under each other. */
export function imageTokens(
  encoded: readonly Pick<EncodedPicture, "size" | "outputs">[],
  request: TokenRequest,
  vision: ClipConfig["vision"],
  { hiddenStates, patches }: ImageTokens,
): ClipImageTokens {
  const runs = encoded.map(({ outputs }) => outputs);
  const patch = isClipResnet(vision) ? 1 : vision.patch_size;
  const [h = 0, w = 0] = encoded[0]?.size ?? [];
  return {
    embeds: all(runs, "embeds"),
    grid: [Math.floor(h / patch), Math.floor(w / patch)],
    ...(hiddenStates !== undefined && {
      hiddenStates: request.hiddenStates.map((layer) => all(runs, stateName(layer))),
    }),
    ...(patches && { patches: withoutFirst(all(runs, "lastHiddenState")) }),
  };
}

function all(runs: readonly Outputs[], name: string): NdArray {
  return stack(runs.map((run) => run[name] as NdArray));
}

/** [B, 1 + N, C] without the class token. */
function withoutFirst({ data, shape: [B = 0, T = 0, C = 0] }: NdArray): NdArray {
  const out = new Float32Array(B * (T - 1) * C);
  for (let b = 0; b < B; b++) out.set(data.subarray((b * T + 1) * C, (b + 1) * T * C), b * (T - 1) * C);
  return { data: out, shape: [B, T - 1, C] };
}
