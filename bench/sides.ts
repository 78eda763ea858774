// The sides of a contest: ours, ONNX Runtime's (its Node and its browser package alike) and TensorFlow.js'.
import { openModel } from "../src/check/benchModel.ts";
import type { Device } from "../src/device/device.ts";
import type { HostInputs } from "../src/graph/executor.ts";
import { readSafetensors } from "../src/io/safetensors/safetensors.ts";
import { CONV_TIMES, type Contest, type PeerInputs } from "./contests.ts";
import { channelsFirst, channelsLast } from "./layout.ts";

/** One side of a contest. Each round it is given new inputs, and only `run` is timed. */
export interface Side {
  prepare(inputs: PeerInputs): unknown;
  run(prepared: never): Promise<readonly Float32Array[]>;
  /** The results as ONNX Runtime gives them. */
  arrange(results: readonly Float32Array[]): readonly Float32Array[];
  close(): Promise<void> | void;
}

/** Where a contest's files are. */
export interface ContestFiles {
  /** The safetensors of both sides' weights; an empty checkpoint where there are none. */
  weights(contest: Contest): Promise<Uint8Array | string>;
  config(contest: Contest): Promise<unknown>;
  /** A graph for ONNX Runtime: its path, or its bytes and those of its weights. */
  graph(name: string, contest: Contest): Promise<string | { readonly model: Uint8Array; readonly data: Uint8Array }>;
}

export interface OurSide extends Side {
  readonly flops: number;
  readonly device: Device;
  /** Milliseconds from weights in memory to a model that is ready. */
  readonly openMs: number;
}

/** Ours, loaded and compiled. */
export async function ourSide(contest: Contest, files: ContestFiles, open: () => Promise<Device>): Promise<OurSide> {
  const config = await files.config(contest);
  const given = await files.weights(contest);
  const start = performance.now();
  const checkpoint = await readSafetensors(given);
  const model = await openModel(open, await contest.part({ checkpoint, config }));
  const { executor, device } = model;
  return {
    flops: executor.plan.summary().flops,
    device,
    openMs: performance.now() - start,
    prepare: (inputs) => contest.ours(inputs, config),
    run: async (inputs: HostInputs) => Object.values(await executor.run(inputs)).map(({ data }) => data),
    arrange: (results) => contest.arrange?.(results) ?? withChannelsFirst(results, contest.channels),
    close: () => {
      model.close();
      return checkpoint.close();
    },
  };
}

/** The results as they are, or where they have so many channels last, with these first. */
function withChannelsFirst(results: readonly Float32Array[], channels: number | undefined): readonly Float32Array[] {
  return channels === undefined ? results : results.map((result) => channelsFirst(result, channels));
}

/** The part of ONNX Runtime's packages that is used. */
export interface OnnxRuntime {
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<OnnxSession> };
  readonly Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => OnnxTensor;
}

interface OnnxSession {
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

interface OnnxTensor {
  readonly data: Float32Array;
}

/** How a session is made, beside the graph. */
export interface OnnxSettings {
  readonly label: string;
  /** The provider without WebGPU, to ask what is right: "cpu" in Node, "wasm" in a browser. */
  readonly referee?: "cpu" | "wasm";
  /** Options of the WebGPU execution provider. */
  readonly provider?: object;
  readonly session?: object;
}

/** ONNX Runtime's package, one graph, and how its session is made. */
export interface OnnxEntry {
  readonly ort: OnnxRuntime;
  readonly package: string;
  readonly graph: string;
  readonly settings?: OnnxSettings | undefined;
}

/** By the ending of a graph's name; see scripts/peers.py. */
const FORMS: Readonly<Record<string, string>> = {
  fused: "fused",
  mha: "fused",
  norms: "norms fused",
  heads: "head by head",
};

/** `onnxruntime-web, fused`: the package, the form of the graph, and settings that are not the default. */
export function onnxName({ package: name, graph, settings }: OnnxEntry): string {
  const form = FORMS[graph.split(".").at(-1) ?? ""];
  return [name, form, settings?.label].filter(Boolean).join(", ");
}

export async function onnxSide(
  { ort, graph, settings }: OnnxEntry,
  contest: Contest,
  files: ContestFiles,
): Promise<Side & { readonly openMs: number; readonly allOnGpu: boolean }> {
  const source = await files.graph(graph, contest);
  const start = performance.now();
  const { session, allOnGpu } = await createSession(ort, graph, source, settings);
  const openMs = performance.now() - start;
  const tensor = ({ data, dims }: PeerInputs[string]) =>
    new ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, dims);
  return {
    openMs,
    allOnGpu,
    prepare: (inputs) => Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, tensor(input)])),
    run: async (feeds: Readonly<Record<string, OnnxTensor>>) => {
      const outputs = await session.run(feeds);
      return contest.outputs.map((name) => outputs[name]?.data as Float32Array);
    },
    arrange: (results) => results,
    close: () => session.release(),
  };
}

/** A session with every operator on the GPU, else one with what ONNX Runtime leaves to the CPU. */
async function createSession(
  ort: OnnxRuntime,
  graph: string,
  source: Awaited<ReturnType<ContestFiles["graph"]>>,
  settings?: OnnxSettings,
) {
  const isPath = typeof source === "string";
  const options = {
    executionProviders: [{ name: "webgpu", ...settings?.provider }],
    logSeverityLevel: 3,
    ...(isPath ? {} : { externalData: [{ path: `${graph}.onnx.data`, data: source.data }] }),
    ...settings?.session,
  };
  const model = isPath ? source : source.model;
  if (settings?.referee) {
    const session = await ort.InferenceSession.create(model, { ...options, executionProviders: [settings.referee] });
    return { session, allOnGpu: false };
  }
  // What ONNX Runtime prints about this is no error of the comparison.
  const strict = { ...options, logSeverityLevel: 4, extra: { session: { disable_cpu_ep_fallback: "1" } } };
  try {
    return { session: await ort.InferenceSession.create(model, strict), allOnGpu: true };
  } catch (error) {
    if (!/fallback|CPU/i.test(String(error))) throw error;
    return { session: await ort.InferenceSession.create(model, options), allOnGpu: false };
  }
}

/** ONNX Runtime without WebGPU, with the graph as it was exported. */
export function refereeOf(ort: OnnxRuntime, provider: "cpu" | "wasm", contest: Contest, files: ContestFiles) {
  const settings = { label: provider, referee: provider };
  const graph = contest.graphs.at(-1) as string;
  const open = () => onnxSide({ ort, package: "onnxruntime", graph, settings }, contest, files);
  return { name: `onnxruntime, ${provider}`, open };
}

/** The part of TensorFlow.js that is used. */
export interface TensorFlow {
  tensor(data: Float32Array, shape: readonly number[]): TensorFlowTensor;
  matMul(a: TensorFlowTensor, b: TensorFlowTensor): TensorFlowTensor;
  readonly fused: { conv2d(options: object): TensorFlowTensor };
}

interface TensorFlowTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** TensorFlow.js for products and convolutions, channels last, which is its best layout. */
export async function tensorflowSide(tf: TensorFlow, contest: Contest, files: ContestFiles): Promise<Side> {
  const C = contest.channels;
  const compute = C === undefined ? matmulOf(tf) : await convolutionsOf(tf, C, await files.weights(contest));
  const run = async (inputs: PeerInputs) => {
    const tensors = Object.values(inputs).map(({ data, dims }) => tf.tensor(data as Float32Array, dims));
    const tensorsToDispose = [...tensors, ...compute(tensors)];
    const data = await (tensorsToDispose.at(-1) as TensorFlowTensor).data();
    for (const tensor of tensorsToDispose) tensor.dispose();
    return [data];
  };
  return {
    prepare: (inputs) => (C === undefined ? inputs : lastInputs(inputs, C)),
    run,
    arrange: (results) => withChannelsFirst(results, C),
    close: () => {},
  };
}

/** [1, C, H, W] as [1, H, W, C]. */
function lastInputs(inputs: PeerInputs, C: number): PeerInputs {
  const rearranged = Object.entries(inputs).map(
    ([
      name,
      {
        data,
        dims: [, , H = 0, W = 0],
      },
    ]) => {
      return [name, { data: channelsLast(data as Float32Array, C), dims: [1, H, W, C] }] as const;
    },
  );
  return Object.fromEntries(rearranged);
}

type Compute = (inputs: readonly TensorFlowTensor[]) => TensorFlowTensor[];

const matmulOf =
  (tf: TensorFlow): Compute =>
  ([a, b]) => [tf.matMul(a as TensorFlowTensor, b as TensorFlowTensor)];

/** The contest's chain of 3x3 layers; the weights [O, C, 3, 3] become [3, 3, C, O] and stay on the GPU. */
async function convolutionsOf(tf: TensorFlow, C: number, weights: Uint8Array | string): Promise<Compute> {
  const checkpoint = await readSafetensors(weights);
  const read = async (name: string) =>
    new Float32Array((await checkpoint.tensors.get(name)?.read())?.buffer as ArrayBuffer);
  // [O, C, 9] to [C, 9, O], then to [9, C, O].
  const rows = channelsLast(await read("weight"), C);
  const filter = tf.tensor(swapped(rows, C, 9, C), [3, 3, C, C]);
  const bias = tf.tensor(await read("bias"), [C]);
  return ([x]) => {
    const layers: TensorFlowTensor[] = [];
    for (let i = 0; i < CONV_TIMES; i++) {
      const given = (layers.at(-1) ?? x) as TensorFlowTensor;
      layers.push(tf.fused.conv2d({ x: given, filter, bias, strides: 1, pad: "same", activation: "relu" }));
    }
    return layers;
  };
}

/** [A, B, C] to [B, A, C]. */
function swapped(x: Float32Array, A: number, B: number, C: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let a = 0; a < A; a++) {
    for (let b = 0; b < B; b++) out.set(x.subarray((a * B + b) * C, (a * B + b + 1) * C), (b * A + a) * C);
  }
  return out;
}
