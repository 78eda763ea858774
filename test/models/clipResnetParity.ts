// Both towers of a CLIP with a ResNet on what open_clip was given, under the names of its golden.
import { readFile } from "node:fs/promises";
import type { Device } from "../../src/device/device.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import type { Checkpoint } from "../../src/io/safetensors/checkpoint.ts";
import type { ClipResnetConfig } from "../../src/models/clip/config.ts";
import { clipText } from "../../src/models/clip/model.ts";
import { clipNaming } from "../../src/models/clip/names.ts";
import { openClipConfig } from "../../src/models/clip/openClip.ts";
import { clipResnet } from "../../src/models/clip/resnet.ts";
import { Weights } from "../../src/models/weights.ts";
import { computedIn, type ModelDType } from "../../src/session/session.ts";
import { channelsLast, readGolden, runGraph, toDevice } from "./parity.ts";

type Golden = ReadonlyMap<string, NdArray>;

export const STAGES = ["vision.stem", "vision.layer1", "vision.layer4", "image_embeds", "text_embeds"];

/** The golden, maps channels last; those that it holds in part (flat) are left out. */
export async function clipResnetGolden(folder: string): Promise<Map<string, NdArray>> {
  const golden = await readGolden(`${folder}/golden.safetensors`);
  const isMap = (name: string) => name.startsWith("vision.") || name === "pixel_values";
  return new Map(
    [...golden]
      .filter(([name, { shape }]) => !isMap(name) || shape.length === 4)
      .map(([name, value]) => [name, isMap(name) ? channelsLast(value) : value]),
  );
}

export async function runClipResnet(
  device: Device,
  folder: string,
  checkpoint: Checkpoint,
  golden: Golden,
  type: ModelDType,
) {
  const dtype = computedIn(type);
  const config = openClipConfig(JSON.parse(await readFile(`${folder}/open_clip_config.json`, "utf8")));
  const vision = config.vision as ClipResnetConfig;
  const [pixels, ids] = [golden.get("pixel_values"), golden.get("input_ids")];
  if (!pixels || !ids) throw new RangeError("the golden has no inputs");
  const [B = 0, T = 0] = ids.shape;
  // The end token is the largest id.
  const end = Array.from({ length: B }, (_, row) => {
    const tokens = [...ids.data.subarray(row * T, (row + 1) * T)];
    return row * T + tokens.indexOf(Math.max(...tokens));
  });
  const naming = await clipNaming(checkpoint);
  return runGraph(
    device,
    checkpoint,
    (graph) => {
      const w = Weights.of(graph, checkpoint, dtype, naming);
      const image = clipResnet(graph.input("pixels", { dtype, shape: pixels.shape }), w.at("visual"), vision);
      const [stem, layer1] = image.hiddenStates;
      const text = clipText(
        graph.input("ids", { dtype: "i32", shape: ids.shape }),
        graph.input("end", { dtype: "i32", shape: [B] }),
        w,
        config.text,
      );
      return {
        "vision.stem": stem ?? image.embeds,
        "vision.layer1": layer1 ?? image.embeds,
        "vision.layer4": image.hiddenStates.at(-1) ?? image.embeds,
        image_embeds: image.embeds,
        text_embeds: text.embeds,
      };
    },
    { pixels: toDevice(pixels.data, type), ids: Int32Array.from(ids.data), end: Int32Array.from(end) },
    type,
  );
}
