// The parts of models that are timed and compared, as PyTorch's models and the peers' graphs have them: embeddings
// before they get unit length, one output each.
import type { ModelPart } from "../src/check/benchModel.ts";
import { sizeOf } from "../src/device/tensor.ts";
import type { Value } from "../src/graph/graph.ts";
import * as ops from "../src/graph/ops.ts";
import type { Checkpoint } from "../src/io/safetensors/checkpoint.ts";
import { CLIP_FAMILIES } from "../src/models/clip/family.ts";
import { textPart } from "../src/models/clip/parts.ts";
import { DINO_FAMILIES } from "../src/models/dino/family.ts";
import { example } from "../src/models/example.ts";
import { noise } from "../src/models/exampleInputs.ts";
import { type Family, type FamilyModel, type FloatType, familyOf, type ModelFiles } from "../src/models/family.ts";
import type { Part } from "../src/models/part.ts";
import { SAM_FAMILIES } from "../src/models/sam/family.ts";
import { pointTokens } from "../src/models/sam/prompts.ts";

/** A checkpoint with the parsed file that says what it is. */
export interface LoadedModel {
  readonly checkpoint: Checkpoint;
  readonly config: unknown;
}

const PARTS: Readonly<Record<string, (files: ModelFiles, dtype: FloatType) => Promise<Omit<ModelPart, "checkpoint">>>> =
  {
    "clip image": async (files, dtype) => {
      const { config, naming, image } = await read(CLIP_FAMILIES, files);
      const { image_size } = config.vision;
      return { naming, ...example(image({ batch: 1, size: [image_size, image_size], dtype, isUnit: false })) };
    },
    "clip text": async (files, dtype) => {
      const { config, naming, examples } = await read(CLIP_FAMILIES, files);
      const { text } = config;
      const part = textPart({ text, batch: 1, tokens: text.max_position_embeddings, isUnit: false });
      return { naming, part, inputs: async (random) => examples(dtype).text?.inputs(random) ?? {} };
    },
    dino: async (files, dtype) => {
      const { config, naming, image } = await read(DINO_FAMILIES, files);
      const part = image(1, [224, 224], dtype);
      return { naming, ...example(withOutput(part, config.model_type === "resnet" ? "pooled" : "tokens")) };
    },
    "sam encoder": async (files, dtype) => {
      const { config, naming, parts } = await read(SAM_FAMILIES, files);
      return { naming, ...example(parts.encoder({ config, dtype, isEmbeddingOnly: true })) };
    },
    "sam decoder": async (files, dtype) => {
      const { config, naming, parts } = await read(SAM_FAMILIES, files);
      const T = pointTokens(config, [0, 0]).labels.length;
      const decoder = parts.decoder({ config, dtype, P: 1, T, hasMask: false, from: "embedding" });
      const part = withOutput(decoder, "masks", (x) => {
        return ops.narrow({ x }, { axis: 1, start: 1, length: config.decoder.num_multimask_outputs }); // multimask
      });
      const inputs = async (random: () => number) => {
        const point = [random() * config.image_size, random() * config.image_size] as const;
        const image = Object.entries(parts.scene({ config, dtype })).filter(([name]) => name in decoder.inputs);
        const maps = image.map(([name, { shape }]) => [name, noise(sizeOf(shape), random, dtype)]);
        return { ...Object.fromEntries(maps), ...pointTokens(config, point) };
      };
      return { naming, part, inputs };
    },
  };

/** The part of this name; throws RangeError where there is none. */
export async function modelPart(
  name: string,
  { checkpoint, config }: LoadedModel,
  dtype: FloatType = "f32",
): Promise<ModelPart> {
  const make = PARTS[name];
  if (!make) throw new RangeError(`no part is called "${name}"; there are ${Object.keys(PARTS).join(", ")}`);
  const isOpenClip = (config as { model_cfg?: unknown } | null)?.model_cfg !== undefined;
  const said = isOpenClip ? { config: undefined, openClip: config } : { config, openClip: undefined };
  const files = { name: checkpoint.name, tensors: checkpoint.tensors, processor: undefined, ...said };
  return { checkpoint, ...(await make(files, dtype)) };
}

function read<Model extends FamilyModel>(families: readonly Family<Model>[], files: ModelFiles): Promise<Model> {
  const family = familyOf(families, files) ?? families[0];
  if (!family) throw new RangeError("there are no families");
  return family.read(files);
}

/** The same part with one of its outputs alone, and what is made of it. */
function withOutput<Input extends string>(
  part: Part<Input>,
  output: string,
  finish: (x: Value) => Value = (x) => x,
): Part<Input, "y"> {
  const key = `${part.key}, ${output} alone`;
  return {
    ...part,
    key,
    boundOutputs: [],
    record: (inputs, weights) => ({ y: finish(part.record(inputs, weights)[output] as Value) }),
  };
}
