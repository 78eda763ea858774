// Ours against ONNX Runtime's WebGPU in Node, on one adapter and in one process.
import { readFileSync } from "node:fs";
import { openDevice } from "../src/device/open.ts";
import { type ContestResult, type Peer, runContest } from "./contest.ts";
import { CONTESTS, type Contest } from "./contests.ts";
import { filledGraph, installPeers, manifestOf, requirePeer, seededCheckpoint } from "./peerFiles.ts";
import { type ContestFiles, type OnnxRuntime, type OnnxSettings, onnxName, onnxSide, refereeOf } from "./sides.ts";

/**
 * Dawn as ONNX Runtime has it by default: no bounds checks in shaders, buffers not cleared before their first use,
 * timestamps as they are. Both validate.
 */
export const TOGGLES = [
  "enable-dawn-features=disable_robustness,use_vulkan_memory_model",
  "disable-dawn-features=lazy_clear_resource_on_first_use,timestamp_quantization",
];

// A checkpoint of no tensors: an empty header of JSON.
const NO_WEIGHTS = Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]);

export function rowsOf({ weights }: Contest) {
  if (!weights) return [];
  return "rows" in weights ? weights.rows : manifestOf(weights.golden);
}

/** The files of contests on this machine, made at the first use. */
export const FILES: ContestFiles = {
  weights: async (contest) => {
    const { weights, name } = contest;
    if (!weights) return NO_WEIGHTS;
    return seededCheckpoint("rows" in weights ? name : weights.golden, rowsOf(contest));
  },
  config: async ({ weights }) => {
    if (!weights || "rows" in weights) return undefined;
    return JSON.parse(readFileSync(`test/golden/${weights.golden}/${weights.config}`, "utf8"));
  },
  graph: (name, contest) => filledGraph(name, rowsOf(contest)),
};

/**
 * How sessions of ONNX Runtime may be made, for `--settings`. Outputs that stay on the GPU (IO binding) are not among
 * them: onnxruntime-node 1.30 ends the process when it is asked for them.
 */
const SETTINGS: readonly (OnnxSettings | undefined)[] = [
  undefined,
  { label: "graph capture", session: { enableGraphCapture: true } },
  { label: "NCHW", provider: { preferredLayout: "NCHW" } },
  { label: "no validation", provider: { validationMode: "disabled" } },
];

export interface PeersOptions {
  readonly rounds: number;
  /** Of contests that take minutes; without it one. */
  readonly largeRounds?: number | undefined;
  readonly only: string;
  readonly isLarge: boolean;
  /** Try every way in which a session can be made. */
  readonly hasSettings?: boolean;
  readonly onProgress: (text: string) => void;
  readonly onResult: (result: ContestResult) => void;
}

/** Contests whose name holds a word; the large ones where they are asked for. */
export function chosenContests(only: string, isLarge: boolean): Contest[] {
  return CONTESTS.filter(({ name, isLarge: takesLong }) => {
    return name.includes(only) && (!takesLong || isLarge || name === only);
  });
}

/**
 * One run of ONNX Runtime with a graph of bench/peers, for the Vulkan layer of `npm run bench -- compile`: results are
 * not looked at.
 */
export async function runPeer(graph: string): Promise<void> {
  const contest = CONTESTS.find(({ graphs }) => graphs.includes(graph));
  const graphs = CONTESTS.flatMap((one) => one.graphs);
  if (!contest) throw new Error(`there is no graph ${graph}: --only takes one of ${graphs.join(", ")}`);
  installPeers(["onnxruntime-node"]);
  const ort = requirePeer<OnnxRuntime>("onnxruntime-node");
  const side = await onnxSide({ ort, package: "onnxruntime-node", graph, settings: undefined }, contest, FILES);
  await side.run(side.prepare(contest.inputs(1)) as never);
}

export async function benchPeers(options: PeersOptions): Promise<void> {
  installPeers(["onnxruntime-node"]);
  const ort = requirePeer<OnnxRuntime>("onnxruntime-node");
  for (const contest of chosenContests(options.only, options.isLarge)) {
    const settings = options.hasSettings ? SETTINGS : [undefined];
    const peers = contest.graphs.flatMap((graph) =>
      settings.map((setting): Peer => {
        const entry = { ort, package: "onnxruntime-node", graph, settings: setting };
        return { name: onnxName(entry), open: (given) => onnxSide(entry, given, FILES) };
      }),
    );
    const open = () => openDevice({ toggles: TOGGLES });
    const referee = refereeOf(ort, "cpu", contest, FILES);
    options.onResult(await runContest(contest, FILES, peers, { ...options, open, referee }));
  }
}
