// One of DINO's ViTs on the pixel values that PyTorch was given, under the names of its golden.
import { readFile } from "node:fs/promises";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { dino } from "../../src/models/dino/model.ts";
import { dinoNaming } from "../../src/models/dino/names.ts";
import { dinoConfig } from "../../src/models/dino/readConfig.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { channelsLast, runGraph, toDevice } from "./parity.ts";

/** Outputs at one size, under the golden's names without the size. */
export async function runDino(
  device: Device,
  folder: string,
  checkpoint: Checkpoint,
  pixelValues: NdArray,
  type: ModelDType,
) {
  const dtype = computedIn(type);
  const config = dinoConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
  const pixels = channelsLast(pixelValues);
  const naming = await dinoNaming(checkpoint);
  const last = config.num_hidden_layers - 1;
  return runGraph(
    device,
    checkpoint,
    (graph) => {
      const w = Weights.of(graph, checkpoint, dtype, naming);
      const input = graph.input("pixels", { dtype, shape: pixels.shape });
      const { tokens, hiddenStates, attention } = dino(input, w, config, { attentionOf: [last] });
      const [first, second] = hiddenStates;
      return {
        "hidden.0": first ?? tokens,
        "hidden.1": second ?? tokens,
        last_hidden_state: tokens,
        "attentions.last.cls": attention.get(last) ?? tokens,
      };
    },
    { pixels: toDevice(pixels.data, type) },
    type,
  );
}
