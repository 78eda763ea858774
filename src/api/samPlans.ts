// The plans that a scene of SAM runs: the decoder, and what brings its masks to the picture's size.
import type { Executor } from "../graph/executor.ts";
import type { Graph } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import type { SamConfig } from "../models/sam/config.ts";
import { samDecoder, samImage } from "../models/sam/maskDecoder.ts";
import { promptTokens } from "../models/sam/promptEncoder.ts";
import type { Placement, Run } from "../models/sam/prompts.ts";
import type { Weights } from "../models/weights.ts";
import type { Session } from "../session/session.ts";

/** What a scene shares with the model that made it. */
export interface Origin {
  readonly placement: Placement;
  readonly config: SamConfig;
  readonly session: Session;
  weights(graph: Graph): Weights;
}

/** Which masks are wanted, and whether their logits are. */
export interface MasksOptions {
  readonly multimask?: boolean | undefined;
  readonly returnLogits?: boolean | undefined;
}

/** From prompts and what is kept of the picture to logits of all masks and their scores. */
export function decoderPlan({ session, config, weights }: Origin, { P, T, hasMask }: Run): Promise<Executor> {
  return session.executor(`decode ${P} ${T} ${hasMask}`, (graph) => {
    const { dtype } = session;
    const { image_embedding_size: side, vision, decoder } = config;
    const [N, C] = [side * side, vision.output_channels];
    const w = weights(graph);
    const input = (name: string, shape: readonly number[]) => graph.input(name, { dtype, shape });
    const reduced = C / decoder.attention_downsample_rate;
    const image = hasMask
      ? samImage(input("embedding", [1, N, C]), w, config, input("maskInput", [P, 4 * side, 4 * side, 1]))
      : {
          map: input("map", [1, N, C]),
          q: input("q", [1, N, reduced]),
          k: input("k", [1, N, reduced]),
          v: input("v", [1, N, reduced]),
        };
    const coords = graph.input("coords", { dtype: "f32", shape: [P, T, 2] });
    const labels = graph.input("labels", { dtype: "i32", shape: [P, T] });
    const made = samDecoder(promptTokens(coords, labels, w, config), image, w, config);
    graph.output("masks", made.lowResMasks);
    graph.output("scores", made.iouScores);
  });
}

/** From logits of all masks to the chosen ones at the picture's size. */
export function masksPlan(
  origin: Origin,
  P: number,
  { multimask = true, returnLogits = false }: MasksOptions,
): Promise<Executor> {
  const { width, height, cut } = origin.placement;
  const key = `masks ${P} ${width} ${height} ${multimask} ${returnLogits}`;
  return origin.session.executor(key, (graph) => {
    const { M, L, dtype } = sizes(origin);
    const masks = graph.input("masks", { dtype, shape: [P, M, L, L] });
    const scores = graph.input("allScores", { dtype, shape: [P, M] });
    const [start, length] = multimask ? [1, M - 1] : [0, 1];
    const chosen = ops.narrow({ x: masks }, { axis: 1, start, length });
    const x = graph.reshape(chosen, [P * length, L, L]);
    const size = { square: origin.config.image_size, cut, size: [height, width] as const };
    graph.output("lowRes", chosen);
    graph.output("scores", ops.narrow({ x: scores }, { axis: 1, start, length }));
    // Where logits are wanted, masks are made of them: in other sums a pixel could lie on the other side of 0.
    if (returnLogits) graph.output("logits", ops.maskUpsample({ x }, size));
    else graph.output("bits", ops.maskUpsample({ x }, { ...size, threshold: 0 }));
  });
}

/** Only brings the scores back. */
export function scoresPlan(origin: Origin, P: number): Promise<Executor> {
  const { M, dtype } = sizes(origin);
  return origin.session.executor(`scores ${P}`, (graph) => {
    const scores = graph.input("scores", { dtype, shape: [P, M] });
    graph.output("scores", ops.narrow({ x: scores }, { axis: 1, start: 0, length: M }));
  });
}

/** Masks at the picture's size, and with the threshold moved up and down. */
export function stabilityPlan(origin: Origin, offset: number, count: number): Promise<Executor> {
  const { width, height, cut } = origin.placement;
  return origin.session.executor(`stability ${count} ${width} ${height} ${cut} ${offset}`, (graph) => {
    const { L, dtype } = sizes(origin);
    const x = graph.input("masks", { dtype, shape: [count, L, L] });
    const size = { square: origin.config.image_size, cut, size: [height, width] as const };
    graph.output("planes", ops.maskUpsample({ x }, { ...size, threshold: 0, offset }));
  });
}

function sizes({ config, session }: Origin) {
  return { M: 1 + config.decoder.num_multimask_outputs, L: 4 * config.image_embedding_size, dtype: session.dtype };
}
