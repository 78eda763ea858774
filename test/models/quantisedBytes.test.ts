// What int8 weights save: GPU bytes of the weights of every published size, all plans of a model together, with
// `dtype: "q8"` and in f32. Plans alone: no weight is read and no GPU needed.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import { Graph, type Value } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { quantise } from "../../src/graph/rewrites/quantise.ts";
import { staticBytes, staticKey } from "../../src/graph/statics.ts";
import { isClipResnet } from "../../src/models/clip/config.ts";
import { clipText, clipVit } from "../../src/models/clip/model.ts";
import { clipNaming } from "../../src/models/clip/names.ts";
import { openClipConfig } from "../../src/models/clip/openClip.ts";
import { clipConfig } from "../../src/models/clip/readConfig.ts";
import { clipResnet } from "../../src/models/clip/resnet.ts";
import { dino } from "../../src/models/dino/model.ts";
import { dinoNaming } from "../../src/models/dino/names.ts";
import { dinoConfig } from "../../src/models/dino/readConfig.ts";
import { resnetConfig } from "../../src/models/resnet/config.ts";
import { resnet } from "../../src/models/resnet/model.ts";
import { resnetNaming } from "../../src/models/resnet/names.ts";
import type { SamVisionConfig } from "../../src/models/sam/config.ts";
import { samImageEncoder } from "../../src/models/sam/imageEncoder.ts";
import { samDecoder, samImage } from "../../src/models/sam/maskDecoder.ts";
import { samNaming } from "../../src/models/sam/names.ts";
import { originalSamConfig, originalSamNaming } from "../../src/models/sam/original.ts";
import { promptTokens } from "../../src/models/sam/promptEncoder.ts";
import { samConfig } from "../../src/models/sam/readConfig.ts";
import { tinyVitEncoder } from "../../src/models/sam/tinyVit.ts";
import { type Naming, type TensorTable, Weights } from "../../src/models/weights.ts";

const TRAITS = {
  info: { class: "cpu-lavapipe" },
  hasF16: false,
  hasSubgroups: true,
  subgroupSize: 8,
  limits: {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16 << 10,
    maxStorageBufferBindingSize: 128 << 20,
  },
} as const;

/** The plans of a model, each recorded by a function. */
type Builds = readonly ((graph: Graph) => Readonly<Record<string, Value>>)[];

const json = (path: string): unknown => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined);

/** A published checkpoint's table of contents, by its manifest. */
function tableOf(name: string): TensorTable {
  const rows = json(`test/golden/${name}/manifest.json`) as SeededRow[];
  return { name, tensors: new Map(rows.map((row) => [row.name, { shape: row.shape, dtype: "F32" }])) };
}

const input = (graph: Graph, name: string, shape: readonly number[]) => graph.input(name, { dtype: "f32", shape });

const reader = (table: TensorTable, naming: Naming) => (graph: Graph) => Weights.of(graph, table, "f32", naming);

async function clipBuilds(name: string): Promise<Builds> {
  const table = tableOf(name);
  const w = reader(table, await clipNaming(table));
  const published = json(`test/golden/${name}/config.json`);
  const config = published ? clipConfig(published) : openClipConfig(json(`test/golden/${name}/open_clip_config.json`));
  const integers = { dtype: "i32", shape: [1, 8] } as const;
  return [
    (graph) => {
      const pixels = input(graph, "pixels", [1, 224, 224, 3]);
      const { vision } = config;
      const isResnet = isClipResnet(vision);
      return {
        image: (isResnet ? clipResnet(pixels, w(graph).at("visual"), vision) : clipVit(pixels, w(graph), vision))
          .embeds,
      };
    },
    (graph) => {
      const end = graph.input("end", { dtype: "i32", shape: [1] });
      return { text: clipText(graph.input("ids", integers), end, w(graph), config.text).embeds };
    },
  ];
}

async function dinoBuilds(name: string): Promise<Builds> {
  const table = tableOf(name);
  const config = json(`test/golden/${name}/config.json`);
  const naming = await dinoNaming(table);
  return [
    (graph) => {
      const pixels = input(graph, "pixels", [1, 224, 224, 3]);
      const w = (naming: Naming) => reader(table, naming)(graph);
      const features = name.includes("resnet")
        ? resnet(pixels, w(resnetNaming(table)), resnetConfig(config, table)).map
        : dino(pixels, w(naming), dinoConfig(config)).tokens;
      return { features };
    },
  ];
}

function samBuilds(name: string): Builds {
  const table = tableOf(name);
  const published = json(`test/golden/${name}/config.json`);
  const read = reader(table, published ? samNaming(table) : originalSamNaming(table));
  const config = published ? samConfig(published) : originalSamConfig(table);
  const { vision, prompt, decoder, image_size, image_embedding_size: side } = config;
  const [N, C] = [side * side, prompt.hidden_size];
  return [
    (graph) => {
      const [w, pixels] = [read(graph), input(graph, "pixels", [1, image_size, image_size, 3])];
      const isTiny = vision.model_type === "tiny_vit";
      const map = isTiny ? tinyVitEncoder(pixels, w, vision) : samImageEncoder(pixels, w, vision as SamVisionConfig);
      const embedding = graph.reshape(map, [1, N, C]);
      return { embedding, ...samImage(embedding, w, config) };
    },
    (graph) => {
      const w = read(graph);
      const of = (key: string) => input(graph, key, [1, N, C / decoder.attention_downsample_rate]);
      const image = { map: input(graph, "map", [1, N, C]), q: of("q"), k: of("k"), v: of("v") };
      const labels = graph.input("labels", { dtype: "i32", shape: [1, 7] });
      const masks = samDecoder(promptTokens(input(graph, "coords", [1, 7, 2]), labels, w, config), image, w, config);
      return { masks: masks.lowResMasks, scores: masks.iouScores };
    },
  ];
}

/** The static tensors that the plans share, by key. */
function staticsOf(builds: Builds, isQuantised: boolean): Map<string, Value> {
  const statics = new Map<string, Value>();
  for (const build of builds) {
    const graph = new Graph();
    for (const [name, value] of Object.entries(build(graph))) graph.output(name, value);
    for (const value of plan(graph, TRAITS, isQuantised ? { rewrites: [quantise] } : {}).statics.values())
      statics.set(staticKey(value), value);
  }
  return statics;
}

const bytesOf = (statics: ReadonlyMap<string, Value>) =>
  [...statics.values()].reduce((sum, value) => sum + staticBytes(value), 0);

const MODELS: Readonly<Record<string, (name: string) => Builds | Promise<Builds>>> = {
  "clip-vit-base-patch32": clipBuilds,
  "clip-resnet50": clipBuilds,
  "dino-vits16": dinoBuilds,
  "dino-vits8": dinoBuilds,
  "dino-vitb16": dinoBuilds,
  "dino-resnet50": dinoBuilds,
  "dinov2-small": dinoBuilds,
  "dinov3-vits16": dinoBuilds,
  "sam-vit-base": samBuilds,
  "mobile-sam": samBuilds,
};

it.each(Object.entries(MODELS))("%s takes at most 0.27 of the f32 bytes", async (name, buildsOf) => {
  const builds = await buildsOf(name);
  const [whole, small] = [staticsOf(builds, false), staticsOf(builds, true)];
  const [before, after] = [bytesOf(whole), bytesOf(small)];
  const share = after / before;
  console.log(
    `${name}: ${(before / 1e6).toFixed(1)} MB in f32, ${(after / 1e6).toFixed(1)} MB in q8: ${share.toFixed(4)}`,
  );
  expect(share).toBeLessThanOrEqual(0.27);
});
