// What the page of bench/browser.ts runs: contests against onnxruntime-web and TensorFlow.js, and cold starts.
import { openDevice } from "../src/device/open.ts";
import { type ContestResult, type Peer, runContest } from "./contest.ts";
import { CONTESTS, type Contest } from "./contests.ts";
import {
  type ContestFiles,
  type OnnxRuntime,
  onnxName,
  onnxSide,
  ourSide,
  refereeOf,
  type TensorFlow,
  tensorflowSide,
} from "./sides.ts";

export interface Page {
  run(name: string, rounds: number): Promise<ContestResult>;
  /** Milliseconds from bytes in memory to the first result, of ours (graph undefined) or the peer's graph. */
  cold(name: string, graph?: string): Promise<number>;
}

async function bytes(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const FILES: ContestFiles = {
  weights: ({ name }) => bytes(`weights/${name}`),
  config: async ({ name, weights }) =>
    weights && "golden" in weights ? (await fetch(`config/${name}`)).json() : undefined,
  graph: async (graph, { name }) => ({
    model: await bytes(`graph/${name}/${graph}`),
    data: await bytes(`graph/${name}/${graph}.data`),
  }),
};

const WASM = "ort-wasm-simd-threaded.asyncify.wasm";

type OnnxWeb = OnnxRuntime & { readonly env: { readonly wasm: Record<string, unknown> } };

/** onnxruntime-web with its WebAssembly in memory, so that a cold start does not fetch it. */
async function loadOnnx(): Promise<OnnxRuntime> {
  const folder = new URL("peers/onnxruntime-web/dist/", location.href).href;
  const module = `${folder}ort.webgpu.min.mjs`;
  const ort = (await import(module)) as OnnxWeb;
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.wasmBinary = (await bytes(folder + WASM)).buffer;
  return ort;
}

type TensorFlowGlobal = TensorFlow & { setBackend(name: string): Promise<boolean>; ready(): Promise<void> };

async function loadTensorflow(): Promise<TensorFlow> {
  for (const name of ["tfjs-core/dist/tf-core", "tfjs-backend-webgpu/dist/tf-backend-webgpu"]) {
    await addScript(`peers/@tensorflow/${name}.min.js`);
  }
  const { tf } = globalThis as unknown as { tf: TensorFlowGlobal };
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js has no WebGPU here");
  await tf.ready();
  return tf;
}

function addScript(src: string): Promise<unknown> {
  const script = document.createElement("script");
  script.src = src;
  document.head.append(script);
  return new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${src} was not loaded`));
  });
}

function find(name: string): Contest {
  const contest = CONTESTS.find((one) => one.name === name);
  if (!contest) throw new RangeError(`no contest ${name}`);
  return contest;
}

const page: Page = {
  async run(name, rounds) {
    const contest = find(name);
    const ort = await loadOnnx();
    const peers = contest.graphs.map((graph): Peer => {
      const entry = { ort, package: "onnxruntime-web", graph };
      return { name: onnxName(entry), open: (given) => onnxSide(entry, given, FILES) };
    });
    const open = async (given: Contest) => tensorflowSide(await loadTensorflow(), given, FILES);
    const all = contest.tensorflow ? [...peers, { name: "tensorflow.js", open }] : peers;
    const referee = refereeOf(ort, "wasm", contest, FILES);
    return runContest(contest, FILES, all, { rounds, open: () => openDevice(), referee });
  },
  async cold(name, graph) {
    const contest = find(name);
    const inputs = contest.inputs(1);
    const side = graph
      ? await onnxSide({ ort: await loadOnnx(), package: "onnxruntime-web", graph }, contest, FILES)
      : await ourSide(contest, FILES, () => openDevice());
    const prepared = side.prepare(inputs) as never;
    const start = performance.now();
    const results = await side.run(prepared);
    const ms = side.openMs + performance.now() - start;
    if (!results.every((result) => result.every(Number.isFinite)))
      throw new Error(`${name}: the result has values that are not finite`);
    return ms;
  },
};

Object.assign(globalThis, { page });
