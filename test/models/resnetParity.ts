// A DINO ResNet on the pixel values that PyTorch was given, under the names of its golden.
import { readFile } from "node:fs/promises";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import { resnetConfig } from "../../src/models/resnet/config.ts";
import { resnet } from "../../src/models/resnet/model.ts";
import { resnetNaming } from "../../src/models/resnet/names.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { channelsLast, runGraph, toDevice } from "./parity.ts";

/** Outputs at one size, channels last, under the golden's names without the size. */
export async function runResnet(
  device: Device,
  folder: string,
  checkpoint: Checkpoint,
  pixelValues: NdArray,
  type: ModelDType,
) {
  const dtype = computedIn(type);
  const config = resnetConfig(JSON.parse(await readFile(`${folder}/config.json`, "utf8")), checkpoint);
  const pixels = channelsLast(pixelValues);
  return runGraph(
    device,
    checkpoint,
    (graph) => {
      const w = Weights.of(graph, checkpoint, dtype, resnetNaming(checkpoint));
      const { map, pooled, hiddenStates } = resnet(graph.input("pixels", { dtype, shape: pixels.shape }), w, config);
      const [first, second] = hiddenStates;
      return { "hidden.0": first ?? map, "hidden.1": second ?? map, last_hidden_state: map, pooler_output: pooled };
    },
    { pixels: toDevice(pixels.data, type) },
    type,
  );
}
