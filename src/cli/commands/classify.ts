// `classify`: scores labels for pictures.
import type { Clip } from "../../api/clip.ts";
import type { NdArray } from "../../device/tensor.ts";
import { type Context, modelName, openClip } from "../context.ts";
import { EXIT } from "../failure.ts";
import { type EmbeddedPicture, embedPictures, type PictureFailure } from "../files/pictures.ts";
import { bar, table } from "../table.ts";

export interface ClassifyRequest {
  readonly images: readonly string[];
  readonly labels: readonly string[];
  readonly templates: readonly string[];
  /** Labels to show for each picture. */
  readonly top: number;
}

interface Scores {
  readonly image: string;
  readonly labels: readonly { readonly label: string; readonly score: number }[];
}

export async function classify(request: ClassifyRequest, context: Context): Promise<number> {
  const { terminal, options, signal } = context;
  using clip = await openClip(context);
  const labels = await clip.encodeLabels(request.labels, request.templates);
  const progress = terminal.progress("pictures", request.images.length);
  const results: Scores[] = [];
  const errors: PictureFailure[] = [];
  for await (const picture of embedPictures(clip, request.images, { signal })) {
    if ("message" in picture) errors.push(picture);
    else results.push(await score(clip, picture, labels, request));
    progress.update(results.length + errors.length);
  }
  progress.stop();
  for (const { message } of errors) terminal.error(`error: ${message}`);
  if (options.json) {
    terminal.result(JSON.stringify({ model: modelName(options), dtype: clip.dtype, results, errors }, undefined, 2));
  } else if (results.length) {
    terminal.result(results.map(({ image, labels }) => `${terminal.bold(image)}\n${scoreTable(labels)}`).join("\n\n"));
  }
  return errors.length ? EXIT.FAILURE : EXIT.OK;
}

async function score(
  clip: Clip,
  { path, embedding }: Exclude<EmbeddedPicture, PictureFailure>,
  labels: NdArray,
  request: ClassifyRequest,
): Promise<Scores> {
  const logits = await clip.similarity({ data: embedding, shape: [1, embedding.length] }, labels);
  const scores = softmax(logits.data).map((score, i) => ({ label: request.labels[i] as string, score }));
  return { image: path, labels: scores.sort((a, b) => b.score - a.score).slice(0, request.top) };
}

function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** Labels with bars and per cents. */
export function scoreTable(labels: Scores["labels"]): string {
  const rows = labels.map(({ label, score }) => [label, bar(score), `${(score * 100).toFixed(1)} %`]);
  return table(rows, "llr", "  ");
}
