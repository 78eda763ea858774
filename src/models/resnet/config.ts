// config.json of ResNets, with transformers' class defaults (models/resnet/configuration_resnet.py). The number of
// blocks and all widths come from the tensors.
import { CheckpointError } from "../../device/errors.ts";
import type { Activation } from "../../kernels/activation.ts";
import { type Fields, type Json, object } from "../fields.ts";
import { hiddenAct } from "../hiddenActs.ts";
import type { TensorTable } from "../weights.ts";
import { resnetNaming } from "./names.ts";

export interface ResnetConfig {
  readonly model_type: "resnet";
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  readonly layer_type: "bottleneck" | "basic";
  readonly hidden_act: Activation;
  readonly downsample_in_first_stage: boolean;
  /** The stride is on the first 1x1 convolution of a block (ResNet v1), not on its 3x3 (v1.5). */
  readonly downsample_in_bottleneck: boolean;
}

/**
 * Reads the config of a ResNet, where there is one, and counts the blocks in its tensors; throws CheckpointError on
 * absurd values.
 */
export function resnetConfig(json: unknown, table: TensorTable): ResnetConfig {
  const part: Fields = { file: "config.json", json: object(json ?? {}, "config.json") };
  const hidden_act = hiddenAct(part, "relu");
  const depths = depthsOf(table);
  const [first] = depths;
  if (!first) throw new CheckpointError(`${table.name} has no block of a ResNet's first stage`);
  const stated = part.json.depths;
  if (stated != null && JSON.stringify(stated) !== JSON.stringify(depths)) {
    throw new CheckpointError(
      `config.json: depths is ${JSON.stringify(stated)}, but ${table.name} has ${depths} blocks`,
    );
  }
  const naming = resnetNaming(table);
  return {
    model_type: "resnet",
    depths,
    layer_type: table.tensors.has(naming("layer1.0.conv3.weight").name) ? "bottleneck" : "basic",
    hidden_act,
    downsample_in_first_stage: flag(part.json, "downsample_in_first_stage"),
    downsample_in_bottleneck: flag(part.json, "downsample_in_bottleneck"),
  };
}

/** Blocks of each stage, as far as there are tensors of them. */
function depthsOf(table: TensorTable): number[] {
  const naming = resnetNaming(table);
  const has = (stage: number, block: number) => table.tensors.has(naming(`layer${stage}.${block}.conv1.weight`).name);
  const depths: number[] = [];
  while (has(depths.length + 1, 0)) {
    let depth = 1;
    while (has(depths.length + 1, depth)) depth++;
    depths.push(depth);
  }
  return depths;
}

function flag(json: Json, key: string): boolean {
  const value = json[key] ?? false;
  if (typeof value === "boolean") return value;
  throw new CheckpointError(`config.json: ${key} is ${JSON.stringify(value)}, expected true or false`);
}
