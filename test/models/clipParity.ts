// Runs both towers of a CLIP checkpoint on the inputs that PyTorch was given, for comparison with what it gave.
import { readFile } from "node:fs/promises";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { clipText, clipVit, type TowerOutput } from "../../src/models/clip/model.ts";
import { clipNaming } from "../../src/models/clip/names.ts";
import { clipConfig } from "../../src/models/clip/readConfig.ts";
import { endPositions } from "../../src/models/clip/tokens.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { channelsLast, readGolden, runGraph, toDevice } from "./parity.ts";

/** The tower's outputs under the golden's names. */
function named(prefix: string, { embeds, hiddenStates }: TowerOutput, embedsName: string) {
  const layers = { [`${prefix}.hidden.0`]: hiddenStates[0], [`${prefix}.hidden.1`]: hiddenStates[1] };
  const last = prefix === "vision" ? { [`${prefix}.hidden.last`]: hiddenStates.at(-1) } : {};
  return { ...layers, ...last, [embedsName]: embeds } as Record<string, NonNullable<typeof embeds>>;
}

/** Outputs by the golden's names; `folder` holds config.json and golden.safetensors. */
export async function runTowers(
  device: Device,
  folder: string,
  checkpoint: Checkpoint,
  type: ModelDType,
): Promise<Record<string, NdArray>> {
  const dtype = computedIn(type);
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const config = clipConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const naming = await clipNaming(checkpoint);
  const pixels = channelsLast(golden.get("pixel_values") as NdArray);
  const image = await runGraph(
    device,
    checkpoint,
    (graph) => {
      const weights = Weights.of(graph, checkpoint, dtype, naming);
      return named(
        "vision",
        clipVit(graph.input("pixels", { dtype, shape: pixels.shape }), weights, config.vision),
        "image_embeds",
      );
    },
    { pixels: toDevice(pixels.data, type) },
    type,
  );
  const { data, shape } = golden.get("input_ids") as NdArray;
  const [B = 0, T = 0] = shape;
  const rows = Array.from({ length: B }, (_, b) => [...data.subarray(b * T, (b + 1) * T)]);
  const end = endPositions(rows, config.text).map((position, b) => b * T + position);
  const text = await runGraph(
    device,
    checkpoint,
    (graph) => {
      const weights = Weights.of(graph, checkpoint, dtype, naming);
      const ids = graph.input("ids", { dtype: "i32", shape: [B, T] });
      return named(
        "text",
        clipText(ids, graph.input("end", { dtype: "i32", shape: [B] }), weights, config.text),
        "text_embeds",
      );
    },
    { ids: Int32Array.from(data), end: Int32Array.from(end) },
    type,
  );
  return { ...image, ...text };
}

/** Names of the golden's layers in the order of computation. */
export const VISION = ["vision.hidden.0", "vision.hidden.1", "vision.hidden.last", "image_embeds"];
export const TEXT = ["text.hidden.0", "text.hidden.1", "text_embeds"];
