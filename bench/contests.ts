// What is compared with the peers: single operations, and models from normalised pixels, token ids or a point to what
// they give, with the same seeded weights on both sides. Nothing here is of one runtime: Node and a page run it alike.

import type { ModelPart } from "../src/check/benchModel.ts";
import type { SeededRow } from "../src/check/seeded.ts";
import { random } from "../src/device/random.ts";
import type { HostArray, Shape, Spec } from "../src/device/tensor.ts";
import type { Value } from "../src/graph/graph.ts";
import * as ops from "../src/graph/ops.ts";
import { convolution } from "../src/models/convolution.ts";
import { noise as noiseFrom } from "../src/models/exampleInputs.ts";
import { activation, layerNorm } from "../src/models/layers.ts";
import { definePart } from "../src/models/part.ts";
import { pointTokens } from "../src/models/sam/prompts.ts";
import { samConfig } from "../src/models/sam/readConfig.ts";
import { sam2Config } from "../src/models/sam2/readConfig.ts";
import type { Weights } from "../src/models/weights.ts";
import { channelsFirst, channelsLast, placesByParts, rowsInOrder } from "./layout.ts";
import { type LoadedModel, modelPart } from "./parts.ts";

/** An input as the peers take it: channels first, token ids of 64 bits. */
interface PeerInput {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

export type PeerInputs = Readonly<Record<string, PeerInput>>;

type ContestPart = Pick<ModelPart, "part" | "checkpoint" | "naming">;

export interface Contest {
  readonly name: string;
  readonly what: string;
  /** Files of both sides' weights: a model of test/golden, or rows of their own. */
  readonly weights?: { readonly golden: string; readonly config: string } | { readonly rows: readonly SeededRow[] };
  /** Forms of the graph in bench/peers: the peer takes part once with each. */
  readonly graphs: readonly string[];
  /** The peer's outputs that are compared, in the order of ours. */
  readonly outputs: readonly string[];
  /** Takes minutes on a CPU adapter: run where --large or its name asks for it. */
  readonly isLarge?: boolean;
  /** TensorFlow.js takes part: a product, or a chain of convolutions. */
  readonly tensorflow?: boolean;
  inputs(seed: number): PeerInputs;
  /** The same for ours. */
  ours(inputs: PeerInputs, config: unknown): Readonly<Record<string, HostArray>>;
  part(model: LoadedModel): ContestPart | Promise<ContestPart>;
  /** Channels of our result where it is channels last and the peer's is not. */
  readonly channels?: number;
  /** How our results lie as the peer's, where it takes more than their channels. */
  arrange?(results: readonly Float32Array[]): Float32Array[];
}

const noise = (count: number, seed: number) => noiseFrom(count, random(seed), "f32") as Float32Array;

const floats = (dims: readonly number[], seed: number): PeerInput => ({
  data: noise(
    dims.reduce((a, b) => a * b, 1),
    seed,
  ),
  dims,
});

const plain = (inputs: PeerInputs) =>
  Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data as Float32Array]));

const pixels = (inputs: PeerInputs) => ({ pixels: channelsLast(inputs.x?.data as Float32Array, 3) });

/** A part of f32 inputs of these shapes, with the weights at the top of the checkpoint. */
function operation<Name extends string>(
  name: string,
  shapes: Readonly<Record<Name, Shape>>,
  record: (inputs: Readonly<Record<Name, Value>>, weights: Weights) => Value,
): Contest["part"] {
  const inputs = Object.fromEntries(
    Object.entries<Shape>(shapes).map(([input, shape]) => [input, { dtype: "f32", shape }]),
  ) as Record<Name, Spec>;
  const part = definePart({
    name,
    inputs: () => inputs,
    record: (values, weights) => ({ y: record(values, weights) }),
  });
  return ({ checkpoint }) => ({ part: part({}), checkpoint });
}

function matmul(n: number): Contest {
  const shape = [n, n];
  return {
    name: "matmul",
    what: `matmul ${n}³`,
    graphs: ["matmul"],
    outputs: ["y"],
    tensorflow: true,
    inputs: (seed) => ({ a: floats(shape, seed), b: floats(shape, seed + 1000) }),
    ours: plain,
    part: operation("matmul", { a: shape, b: shape }, ({ a, b }) => ops.matmul({ a, b })),
  };
}

function attention(T: number): Contest {
  const [heads, shape] = [12, [1, T, 768]];
  return {
    name: `attention${T}`,
    what: `attention, ${T} tokens, ${heads} heads of 64`,
    graphs: ["attention.mha", "attention"],
    outputs: ["y"],
    inputs: (seed) => ({ q: floats(shape, seed), k: floats(shape, seed + 1000), v: floats(shape, seed + 2000) }),
    ours: plain,
    part: operation("attention", { q: shape, k: shape, v: shape }, (inputs) => ops.attention(inputs, { heads })),
  };
}

function layerNormChain(rows: number, times = 16): Contest {
  const shape = [rows, 768];
  return {
    name: "layerNorm",
    what: `layer norm [${rows}, 768], ${times} in a row`,
    weights: {
      rows: [
        { name: "weight", shape: [768], mean: 1, scale: 0.2 },
        { name: "bias", shape: [768], mean: 0, scale: 0.1 },
      ],
    },
    graphs: ["layerNorm"],
    outputs: ["y"],
    inputs: (seed) => ({ x: floats(shape, seed) }),
    ours: plain,
    part: operation("layerNorm", { x: shape }, ({ x }, w) => {
      return Array.from({ length: times }).reduce<Value>((y) => layerNorm(y, w, 1e-5), x);
    }),
  };
}

/** Layers in a row, as bench/peers/conv*.onnx has them. */
export const CONV_TIMES = 4;

function convolutions(stage: number, C: number, side: number): Contest {
  return {
    name: `conv${C}`,
    what: `ResNet-50 layer${stage} 3x3 and ReLU, ${CONV_TIMES} in a row`,
    weights: {
      rows: [
        { name: "weight", shape: [C, C, 3, 3], mean: 0, scale: (6 / (9 * C)) ** 0.5 },
        { name: "bias", shape: [C], mean: 0, scale: 0.1 },
      ],
    },
    graphs: [`conv${C}`],
    outputs: ["y"],
    channels: C,
    tensorflow: true,
    inputs: (seed) => ({ x: floats([1, C, side, side], seed) }),
    ours: ({ x }) => ({ x: channelsLast(x?.data as Float32Array, C) }),
    part: operation("conv2d", { x: [1, side, side, C] }, ({ x }, w) => {
      const layer = (y: Value) => activation(convolution(y, w, { padding: 1 }), "relu");
      return Array.from({ length: CONV_TIMES }).reduce<Value>(layer, x);
    }),
  };
}

type ModelContest = Pick<Contest, "what" | "graphs"> & {
  readonly name: string;
  readonly part: string;
  readonly golden: string;
  readonly config?: string;
};

function model({ name, what, part, golden, config = "config.json", graphs }: ModelContest): Contest {
  return {
    ...{ name, what, graphs },
    weights: { golden, config },
    outputs: ["y"],
    inputs: (seed) => ({ x: floats([1, 3, 224, 224], seed) }),
    ours: pixels,
    part: (loaded) => modelPart(part, loaded),
  };
}

const forms = (name: string) => [`${name}.fused`, `${name}.norms`, name];

const clipImage = model({
  name: "clip-image",
  what: "CLIP B/32 image",
  part: "clip image",
  golden: "clip-vit-base-patch32",
  graphs: forms("clip-vit-base-patch32.image"),
});

const TOKENS = 77;
const END = 49407;

const clipText: Contest = {
  ...model({
    name: "clip-text",
    what: "CLIP B/32 text, 77 tokens",
    part: "clip text",
    golden: "clip-vit-base-patch32",
    graphs: forms("clip-vit-base-patch32.text"),
  }),
  inputs: (seed) => {
    const ids = BigInt64Array.from(noise(TOKENS, seed), (value) => BigInt(Math.floor((value + 1) * 24000)));
    return { x: { data: ids.fill(BigInt(END), 40 + (seed % 30)), dims: [1, TOKENS] } };
  },
  ours: ({ x }) => {
    const ids = Int32Array.from(x?.data as BigInt64Array, Number);
    return { ids, end: Int32Array.of(ids.indexOf(END)) };
  },
};

const samDecoder: Contest = {
  ...model({
    name: "sam-decoder",
    what: "SAM B decoder, one point",
    part: "sam decoder",
    golden: "sam-vit-base",
    graphs: ["sam-vit-base.decoder.fused", "sam-vit-base.decoder"],
  }),
  outputs: ["masks"],
  inputs: (seed) => ({
    e: floats([1, 256, 64, 64], seed),
    p: { data: noise(2, seed).map((value) => Math.round(500 + 400 * value)), dims: [1, 1, 1, 2] },
    l: { data: BigInt64Array.of(1n), dims: [1, 1, 1] },
  }),
  ours: ({ e, p }, config) => {
    const point = p?.data as Float32Array;
    const tokens = pointTokens(samConfig(config), [point[0] as number, point[1] as number]);
    return { embedding: channelsLast(e?.data as Float32Array, 256), ...tokens };
  },
};

const samEncoder: Contest = {
  ...model({
    name: "sam-encoder",
    what: "SAM B encoder",
    part: "sam encoder",
    golden: "sam-vit-base",
    graphs: ["sam-vit-base.encoder"],
  }),
  isLarge: true,
  channels: 256,
  inputs: (seed) => ({ x: floats([1, 3, 1024, 1024], seed) }),
};

const dino = (name: string, what: string, graphs: readonly string[]) =>
  model({ name, what, part: "dino", golden: name, graphs });

/** Channels, side, and how often halved a side of the embedding's is: SAM 2's maps, as the decoder takes them. */
const SAM2_MAPS = {
  e: { channels: 256, side: 64, levels: 0 },
  skip1: { channels: 64, side: 128, levels: 1 },
  skip0: { channels: 32, side: 256, levels: 2 },
} as const;

const sam2Model = (kind: "encoder" | "decoder") =>
  model({
    name: `sam2-${kind}`,
    what: kind === "encoder" ? "SAM 2.1 tiny encoder" : "SAM 2.1 tiny decoder, one point",
    part: `sam ${kind}`,
    golden: "sam2.1-hiera-tiny",
    graphs: [`sam2.1-hiera-tiny.${kind}`],
  });

const sam2Decoder: Contest = {
  ...sam2Model("decoder"),
  outputs: ["masks"],
  inputs: (seed) => {
    const { p, l } = samDecoder.inputs(seed) as { readonly p: PeerInput; readonly l: PeerInput };
    const maps = Object.entries(SAM2_MAPS).map(([name, { channels, side }], i) => {
      return [name, floats([1, channels, side, side], seed + 1000 * i)] as const;
    });
    return { ...Object.fromEntries(maps), p, l };
  },
  ours: (inputs, config) => {
    const map = (name: keyof typeof SAM2_MAPS) => {
      const { channels, side, levels } = SAM2_MAPS[name];
      const rows = channelsLast(inputs[name]?.data as Float32Array, channels);
      return rowsInOrder(rows, channels, placesByParts(side, levels));
    };
    const point = inputs.p?.data as Float32Array;
    const tokens = pointTokens(sam2Config(config), [point[0] as number, point[1] as number]);
    return { embedding: map("e"), skip1: map("skip1"), skip0: map("skip0"), ...tokens };
  },
};

const sam2Encoder: Contest = {
  ...sam2Model("encoder"),
  isLarge: true,
  graphs: ["sam2.1-hiera-tiny.encoder.heads", "sam2.1-hiera-tiny.encoder"],
  outputs: Object.keys(SAM2_MAPS),
  inputs: samEncoder.inputs,
  arrange: (results) =>
    Object.values(SAM2_MAPS).map(({ channels, side, levels }, i) => {
      const rows = Int32Array.from({ length: side * side });
      placesByParts(side, levels).forEach((place, row) => {
        rows[place] = row;
      });
      return channelsFirst(rowsInOrder(results[i] as Float32Array, channels, rows), channels);
    }),
};

/** Every contest, the large ones last. */
export const CONTESTS: readonly Contest[] = [
  matmul(1024),
  attention(197),
  attention(1024),
  layerNormChain(4096),
  convolutions(1, 64, 56),
  convolutions(2, 128, 28),
  convolutions(3, 256, 14),
  convolutions(4, 512, 7),
  clipImage,
  clipText,
  model({
    name: "clip-resnet50",
    what: "CLIP ResNet-50 image",
    part: "clip image",
    golden: "clip-resnet50",
    config: "open_clip_config.json",
    graphs: ["clip-resnet50.image"],
  }),
  dino("dino-vits16", "DINO S/16", forms("dino-vits16")),
  dino("dino-vits8", "DINO S/8", forms("dino-vits8")),
  dino("dino-resnet50", "DINO ResNet-50", ["dino-resnet50"]),
  samDecoder,
  sam2Decoder,
  sam2Encoder,
  samEncoder,
];
