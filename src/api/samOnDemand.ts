// What few pages ask of an encoded picture: everything mode's masks, and masks that stay on the GPU. Loaded where it is
// asked for; the scene's decoder is given to it.
import type { Executor } from "../graph/executor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import { cropped } from "../io/image/crop.ts";
import { closePicture, type ImageLike, openImage, type Picture } from "../io/image/image.ts";
import { candidates } from "../masks/candidates.ts";
import {
  type CandidateFilter,
  type CropScene,
  generateMasks,
  type MaskCandidate,
  type MaskRecord,
  type Point,
} from "../masks/generateMasks.ts";
import type { GenerateMasksOptions, OutputMode, Segmentations } from "../masks/options.ts";
import type { Run, SamPrompt } from "../models/sam/prompts.ts";
import { stabilityPart } from "../models/sam/stability.ts";
import { maskTensors, type SamGpuMasks, together } from "../pictures/keepOnGpu.ts";
import { named } from "../pictures/named.ts";
import type { PredictOptions } from "./samMasks.ts";
import type { SceneDecoder } from "./sceneDecoder.ts";

/** What one prompt of a point costs. */
export function pointSummary(scene: SceneDecoder): Promise<PlanSummary> {
  const [run] = scene.runsOf([{ points: [{ x: 0, y: 0 }] }]);
  return scene.session.summary(scene.decoderPart(run as Run));
}

/** Masks of everything in a picture; `encode` encodes it, or a part of it. */
export async function generateMasksOf<Mode extends OutputMode>(
  image: ImageLike,
  encode: (picture: Picture) => Promise<CropScene>,
  options: GenerateMasksOptions<Mode>,
): Promise<MaskRecord<Segmentations[Mode]>[]> {
  const picture = await openImage(image, options.signal);
  const { width, height } = picture;
  try {
    return await generateMasks({ width, height, encodeCrop: (box) => encode(cropped(picture, box)) }, options);
  } catch (error) {
    throw named(error, image);
  } finally {
    closePicture(picture);
  }
}

/** Masks of single points, filtered before they leave the GPU. */
export async function* predictPoints(
  scene: SceneDecoder,
  points: readonly Point[],
  filter: CandidateFilter,
  signal?: AbortSignal,
): AsyncGenerator<MaskCandidate> {
  let first = 0;
  for (const run of scene.runsOf(points.map(([x, y]) => ({ points: [{ x, y }] })))) {
    signal?.throwIfAborted();
    yield* candidatesOf(scene, run, first, filter, signal);
    first += run.P;
  }
}

/** The masks of a run that pass the filter: scores come first, then one mask after another. */
async function* candidatesOf(
  scene: SceneDecoder,
  run: Run,
  first: number,
  filter: CandidateFilter,
  signal?: AbortSignal,
): AsyncGenerator<MaskCandidate> {
  scene.check();
  const { session, placement, sizes } = scene;
  const { width, height } = placement;
  const { M, L } = sizes;
  const masks = scene.room({ dtype: session.dtype, shape: [run.P, M, L, L] }, "candidates");
  try {
    const decode = (decoder: Executor) => {
      scene.check();
      return decoder.runBytes(scene.inputsOf(run), { bindings: { ...scene.imageOf(run), masks } });
    };
    const { scores } = await session.use([scene.decoderPart(run, true)], decode, signal);
    const ious = scene.floats(scores as ArrayBuffer);
    // Bits of some masks at the picture's size, and with the threshold moved up and down: three planes each.
    const planes = async (ids: readonly number[]) => {
      const part = stabilityPart({
        ...scene.pictureSettings(),
        P: run.P,
        count: ids.length,
        offset: filter.stabilityScoreOffset,
      });
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
  scene: SceneDecoder,
  prompt: SamPrompt & PredictOptions,
  signal: AbortSignal,
): Promise<SamGpuMasks> {
  const { session, device, placement, sizes } = scene;
  await scene.checkPrompts([prompt]);
  const [run] = scene.runsOf([prompt]) as [Run];
  scene.check();
  const { multimask = true } = prompt;
  const shape = [multimask ? sizes.M - 1 : 1, placement.height, placement.width];
  const fewer = multimask ? "ask for one mask (multimask: false), or " : "";
  device.checkSize(
    { dtype: "f32", shape },
    "keepOnGpu: logits",
    `${fewer}leave keepOnGpu out and ask for returnLogits: those come in parts`,
  );
  let kept: SamGpuMasks | undefined;
  const record = (decoder: Executor, masks: Executor) => {
    signal.throwIfAborted();
    scene.check();
    const { lowRes, chosenScores, logits } = maskTensors(device, masks, session.dtype, scene.fromHalves);
    kept = together({ logits, lowResLogits: lowRes, scores: chosenScores });
    const encoder = device.gpu.createCommandEncoder();
    scene.encode(encoder, decoder, run);
    masks.encode(encoder, { bindings: { ...scene.masksOf(decoder), lowRes, chosenScores, logits } });
    device.gpu.queue.submit([encoder.finish()]);
    return kept;
  };
  try {
    const parts = scene.maskParts(run, { multimask, returnLogits: true }, { staysOnGpu: true });
    return await session.use(parts, record, signal);
  } catch (error) {
    kept?.dispose();
    throw error;
  }
}
