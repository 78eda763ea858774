// The shipped small models with only the first layers of their towers: as quick as can be, with every kind of step.
import { readFile } from "node:fs/promises";
import {
  readSafetensors,
  type StoredDType,
  type TensorData,
  writeSafetensors,
} from "../../src/io/safetensors/safetensors.ts";
import type { SourceBytes } from "../../src/io/source/source.ts";

/** Number of the layer that a tensor of a tower belongs to. */
const LAYER =
  /(?:vision_model|text_model)\.encoder\.layers\.(\d+)\.|^encoder\.layer\.(\d+)\.|^vision_encoder\.layers\.(\d+)\./;

/** Of each model; SAM's third layer is its first with global attention. */
const LAYERS = { "tiny-clip": 1, "tiny-dino": 1, "tiny-sam": 3 } as const;

type Settings = { num_hidden_layers?: number; global_attn_indexes?: number[] };

/** A shipped model with few layers, as bytes. */
export async function shallow(name: keyof typeof LAYERS): Promise<SourceBytes> {
  const folder = `checkpoints/${name}`;
  const layers = LAYERS[name];
  const json = async (file: string) => JSON.parse(await readFile(`${folder}/${file}`, "utf8"));
  const config = await json("config.json");
  for (const settings of [config, config.vision_config, config.text_config] as (Settings | undefined)[]) {
    if (settings?.num_hidden_layers) settings.num_hidden_layers = layers;
    if (settings?.global_attn_indexes) settings.global_attn_indexes = [layers - 1];
  }
  const checkpoint = await readSafetensors(`${folder}/model.safetensors`);
  const tensors: Record<string, TensorData> = {};
  for (const { name: tensor, dtype, shape, read } of checkpoint.tensors.values()) {
    const layer = LAYER.exec(tensor)
      ?.slice(1)
      .find((number) => number !== undefined);
    if (Number(layer ?? 0) < layers) tensors[tensor] = { dtype: dtype as StoredDType, shape, data: await read() };
  }
  await checkpoint.close();
  return {
    config,
    preprocessor: await json("preprocessor_config.json"),
    ...(name === "tiny-clip" && { tokenizer: await json("tokenizer.json") }),
    weights: writeSafetensors(tensors),
  };
}
