// `classify`: scores labels for pictures.
import type { Clip } from "../../api/clip.ts";
import type { NdArray } from "../../device/tensor.ts";
import { type Context, modelName, openClip } from "../context.ts";
import { type EmbeddedPicture, embedPictures, type PictureFailure } from "../files/pictures.ts";
import { PictureRun } from "../pictureRun.ts";
import { Report } from "../report.ts";
import { bar, table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

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
  const pictures = await PictureRun.find(request.images, context);
  using clip = await openClip(context);
  const labels = await clip.encodeLabels(request.labels, request.templates);
  const report = new Report(terminal, options, { model: modelName(options), dtype: clip.dtype });
  const progress = terminal.progress("pictures", pictures.inputs.length);
  const texts: string[] = [];
  let done = 0;
  for await (const picture of embedPictures(clip, pictures.inputs, { signal })) {
    if ("message" in picture) pictures.fail(picture);
    else {
      const scores = await score(clip, picture, labels, request);
      report.row(scores);
      texts.push(scoreText(scores, terminal));
    }
    progress.update(++done);
  }
  progress.stop();
  report.end({ errors: pictures.errors });
  if (!report.isJson && texts.length) terminal.result(texts.join("\n\n"));
  return pictures.exitCode;
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

/** A picture's name above its labels with bars and per cents. */
export function scoreText({ image, labels }: Scores, terminal: Terminal): string {
  const rows = labels.map(({ label, score }) => [label, bar(score), `${(score * 100).toFixed(1)} %`]);
  return `${terminal.bold(image)}\n${table(rows, "llr", "  ")}`;
}
