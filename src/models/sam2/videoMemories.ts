// What is remembered of objects of a video: a state has a row for each frame that is remembered (its slot), and a run
// says which of them a frame looks at. Follows transformers' models/sam2_video/modeling_sam2_video.py. R rows of a
// frame's memory of M channels, S frames that are looked at, Q pointers of C channels.
import { type Spec, sizeOf } from "../../device/tensor.ts";
import type { Graph, Value } from "../../graph/graph.ts";
import { gather } from "../../graph/moreOps.ts";
import * as ops from "../../graph/ops.ts";
import type { Length } from "../../kernels/length.ts";
import { latentPositions } from "../edgetam/spatialPerceiver.ts";
import { floatArray } from "../exampleInputs.ts";
import type { FloatType } from "../family.ts";
import { add, linear } from "../layers.ts";
import type { InputSpec } from "../part.ts";
import type { Weights } from "../weights.ts";
import type { Memory } from "./memoryAttention.ts";
import { sinePositions } from "./positions.ts";
import { memoryRows, type Sam2VideoConfig } from "./videoConfig.ts";

/** What is remembered of an object: a row for each frame, all in one buffer for each kind. */
export interface MemorySizes {
  /** Frames that are remembered. */
  readonly slots: number;
  /** Of these, so many are looked at, at most. */
  readonly frames: number;
  /** And so many pointers. */
  readonly pointers: number;
}

interface MemorySettings extends MemorySizes {
  readonly config: Sam2VideoConfig;
  readonly dtype: FloatType;
  readonly objects: number;
}

/** An object's states, and the row of them that a run writes. */
export interface ObjectMemory {
  readonly states: Readonly<Record<"memories" | "pointers", Value>>;
  readonly slot: Length;
}

/** The buffers of an object. */
export function memorySpecs({ config, dtype, slots }: Omit<MemorySettings, "objects">) {
  const [R, C] = [memoryRows(config), config.prompt.hidden_size];
  return {
    memories: { dtype, shape: [slots, R * config.memory.memory_encoder_output_channels] },
    pointers: { dtype, shape: [slots, C] },
  } satisfies Record<string, Spec>;
}

/** The names that a run binds buffers and gives lengths by, of an object of several. */
export function namesOf(object: number) {
  return {
    memories: `memories ${object}`,
    pointers: `pointers ${object}`,
    slot: `slot ${object}`,
    pointersAt: `pointers of ${object} at`,
  } as const;
}

/** The states of all objects. */
export function objectMemories(graph: Graph, settings: MemorySettings): ObjectMemory[] {
  const specs = memorySpecs(settings);
  return Array.from({ length: settings.objects }, (_, object) => {
    const names = namesOf(object);
    const [memories, pointers] = [
      graph.state(names.memories, specs.memories),
      graph.state(names.pointers, specs.pointers),
    ];
    return { states: { memories, pointers }, slot: graph.length(names.slot, settings.slots - 1) };
  });
}

/** What a run says of what each object looks at: slots, times in frames as rows of codes, and codes of times. */
export function lookInputs(settings: MemorySettings): Readonly<Record<string, InputSpec>> {
  const { config, dtype, objects: B, frames: S, pointers: Q } = settings;
  return {
    frameSlots: { dtype: "i32", shape: [B, S] },
    frameTimes: { dtype: "i32", shape: [B, S] },
    pointerSlots: { dtype: "i32", shape: [B, Q] },
    ...(config.memory.enable_temporal_pos_encoding_for_object_pointers && {
      pointerTimes: { dtype, shape: [B, Q, config.prompt.hidden_size] },
    }),
  };
}

/** Rows of an object's frames and of its pointers' tokens in the lists of keys and values. */
function rowCounts({ config, frames: S, pointers: Q }: MemorySettings) {
  const parts = config.prompt.hidden_size / config.memory.memory_encoder_output_channels; // tokens of a pointer
  return { ofFrames: S * memoryRows(config), ofPointers: Q * parts };
}

/** How many of an object's rows a run has. */
export function keysOf(graph: Graph, settings: MemorySettings): Length {
  const { ofFrames, ofPointers } = rowCounts(settings);
  return graph.length("keys", ofFrames + ofPointers);
}

/** The slots that a run names of an object, as what a frame looks at. */
export function lookedAt(
  object: number,
  { states }: ObjectMemory,
  inputs: Readonly<Record<string, Value>>,
  weights: Weights,
  settings: MemorySettings,
): Memory {
  const { config, frames: S, pointers: Q } = settings;
  const { graph } = states.memories;
  const { num_maskmem, memory_encoder_output_channels: M } = config.memory;
  const [R, C] = [memoryRows(config), config.prompt.hidden_size];
  const own = (name: string) => {
    const all = inputs[name];
    return all && (all.shape[0] === 1 ? all : ops.narrow({ x: all }, { axis: 0, start: object, length: 1 }));
  };
  const ids = (name: string, count: number) => graph.reshape(own(name) as Value, [count]);
  const times = weights.get("memory_temporal_positional_encoding", [num_maskmem, 1, 1, M]);
  const table = graph.reshape(times, [num_maskmem, M]);
  const ofTime = graph.reshape(gather({ ids: ids("frameTimes", S), table }), [S, 1, M]);
  const places = config.perceiver
    ? latentPositions(graph, config.perceiver, M, weights.dtype)
    : sinePositions(graph, config.image_embedding_size, M, weights.dtype);
  const { ofFrames, ofPointers } = rowCounts(settings);
  const pointer = gather({ ids: ids("pointerSlots", Q), table: states.pointers }); // [Q, C]
  const codes = own("pointerTimes");
  const pointerPositions = codes
    ? positionsOf(graph.reshape(codes, [Q, C]), ofPointers / Q, weights, config)
    : zeros(graph, [ofPointers, M], weights);
  return {
    frames: graph.reshape(gather({ ids: ids("frameSlots", S), table: states.memories }), [S, R, M]),
    framePositions: add(graph.reshape(places, [1, R, M]), ofTime),
    pointers: graph.reshape(pointer, [ofPointers, M]),
    pointerPositions,
    pointersAt: graph.length(namesOf(object).pointersAt, (object + 1) * ofFrames + object * ofPointers),
  };
}

/** Codes of times [Q, C] to what is added to the parts of pointers [Q, C]: [Q * parts, M]. */
function positionsOf(codes: Value, parts: number, weights: Weights, { memory }: Sam2VideoConfig): Value {
  const { graph, shape } = codes;
  const [Q = 0] = shape;
  const M = memory.memory_encoder_output_channels;
  const projected = linear(codes, weights.at("temporal_positional_encoding_projection_layer")); // [Q, M]
  const each = add(graph.reshape(projected, [Q, 1, M]), zeros(graph, [1, parts, 1], weights));
  return graph.reshape(each, [Q * parts, M]);
}

function zeros(graph: Graph, shape: readonly number[], { dtype }: Weights): Value {
  return graph.constant({ dtype, shape }, floatArray(new Float32Array(sizeOf(shape)), dtype));
}
