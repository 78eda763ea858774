// What few pages ask of an encoded picture: everything mode's masks, and masks that stay on the GPU. Loaded where it is
// asked for, with what it needs of the scene given to it.
import type { Executor } from "../graph/executor.ts";
import { candidates } from "../masks/candidates.ts";
import type { CandidateFilter, MaskCandidate, Point } from "../masks/generateMasks.ts";
import type { Run, SamPrompt } from "../models/sam/prompts.ts";
import { maskTensors, type SamGpuMasks, together } from "../pictures/keepOnGpu.ts";
import type { PredictOptions, SceneCore } from "./samMasks.ts";

/** Masks of single points, filtered before they leave the GPU. */
export async function* predictPoints(
  scene: SceneCore,
  points: readonly Point[],
  filter: CandidateFilter,
  signal?: AbortSignal,
): AsyncGenerator<MaskCandidate> {
  for (let first = 0; first < points.length; first += scene.pointsPerRun) {
    signal?.throwIfAborted();
    const run = scene.runOfPoints(points.slice(first, first + scene.pointsPerRun));
    yield* candidatesOf(scene, run, first, filter, signal);
  }
}

/** The masks of a run that pass the filter: scores come first, then one mask after another. */
async function* candidatesOf(
  scene: SceneCore,
  run: Run,
  first: number,
  filter: CandidateFilter,
  signal?: AbortSignal,
): AsyncGenerator<MaskCandidate> {
  scene.check();
  const { session, width, height, M } = scene;
  const masks = scene.candidates(run);
  try {
    const decode = (decoder: Executor) => {
      scene.check();
      return scene.decode(decoder, run, masks);
    };
    const { scores } = await session.use([scene.decoder(run)], decode, signal);
    const ious = scene.floats(scores as ArrayBuffer);
    // Bits of some masks at the picture's size, and with the threshold moved up and down: three planes each.
    const planes = async (ids: readonly number[]) => {
      const part = scene.stability({ P: run.P, count: ids.length, offset: filter.stabilityScoreOffset });
      const measure = (stable: Executor) => {
        scene.check();
        return stable.runBytes({ ids: Int32Array.from(ids) }, { bindings: { masks } });
      };
      const outputs = await session.use([part], measure, signal);
      return new Uint32Array(outputs.planes as ArrayBuffer);
    };
    yield* candidates({ width, height, first, M, ious, planes }, filter, signal);
  } finally {
    scene.device.free(masks);
  }
}

/** Masks of one prompt, written into the caller's tensors on the GPU. */
export async function keepMasks(
  scene: SceneCore,
  prompt: SamPrompt & PredictOptions,
  signal: AbortSignal,
): Promise<SamGpuMasks> {
  const { session, device, width, height, M } = scene;
  const run = await scene.runOf(prompt);
  scene.check();
  const { multimask = true } = prompt;
  const shape = [multimask ? M - 1 : 1, height, width];
  const fewer = multimask ? "ask for one mask (multimask: false), or " : "";
  device.checkSize(
    { dtype: "f32", shape },
    "keepOnGpu: logits",
    `${fewer}leave keepOnGpu out and ask for returnLogits: those come in parts`,
  );
  const record = (decoder: Executor, masks: Executor) => {
    signal.throwIfAborted();
    scene.check();
    const { lowRes, chosenScores, logits } = maskTensors(device, masks, session.dtype, scene.fromHalfArray);
    const encoder = device.gpu.createCommandEncoder();
    const decoded = scene.encodeDecoder(encoder, decoder, run);
    masks.encode(encoder, { bindings: { ...decoded, lowRes, chosenScores, logits } });
    device.gpu.queue.submit([encoder.finish()]);
    return together({ logits, lowResLogits: lowRes, scores: chosenScores });
  };
  return session.use(scene.maskParts(run, { multimask, returnLogits: true }), record, signal);
}
