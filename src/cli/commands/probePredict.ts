// `probe predict`: names pictures by a trained probe, with the model and size that it was trained with.

import { CheckpointError } from "../../device/errors.ts";
import type { LinearProbe } from "../../features/linearProbe.ts";
import { openSource } from "../../io/source/openSource.ts";
import { type Context, modelName, modelSource, sourceOptions } from "../context.ts";
import { encodePictures, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { checkpointIdentity } from "../files/identity.ts";
import { type ProbeSetting, probeVector, readProbe } from "../files/probeFile.ts";
import { PictureRun } from "../pictureRun.ts";
import { Report } from "../report.ts";
import { scoreText } from "./classify.ts";

export interface PredictRequest {
  /** Path of the probe's file. */
  readonly probe: string;
  readonly images: readonly string[];
  /** Classes to show for each picture. */
  readonly top: number;
}

export async function probePredict(request: PredictRequest, given: Context): Promise<number> {
  const { probe, setting } = await readProbe(request.probe);
  const options = { ...given.options, model: given.options.model ?? setting.model };
  const context = { ...given, options };
  const { terminal, signal } = context;
  const pictures = await PictureRun.find(request.images, context);
  using dino = await openDino(context);
  const model = modelName(options, SHIPPED_DINO);
  const report = new Report(terminal, options, { model, dtype: dino.dtype, probe: request.probe });
  const progress = terminal.progress("pictures", pictures.inputs.length);
  const texts: string[] = [];
  let done = 0;
  for await (const picture of encodePictures(dino, pictures.inputs, { size: setting.size }, { signal })) {
    if ("message" in picture) pictures.fail(picture);
    else {
      const vector = probeVector(picture.features, setting.features);
      checkLength(vector, probe, setting, request.probe, model);
      const scores = { image: picture.path, labels: labelsOf(probe, vector).slice(0, request.top) };
      report.row(scores);
      texts.push(scoreText(scores, terminal));
    }
    progress.update(++done);
  }
  progress.stop();
  await warnOfOther(request.probe, setting, context);
  report.end({ errors: pictures.errors });
  if (!report.isJson && texts.length) terminal.result(texts.join("\n\n"));
  return pictures.exitCode;
}

/** A checkpoint of the same width gives answers too, and they mean nothing. */
async function warnOfOther(path: string, { checkpoint, model }: ProbeSetting, context: Context): Promise<void> {
  const { options, terminal, signal } = context;
  const source = await openSource(modelSource(options, SHIPPED_DINO), sourceOptions(context));
  if ((await checkpointIdentity(source, signal)) === checkpoint) return;
  const trained = model ?? SHIPPED_DINO;
  terminal.warn(`${path} was trained on another checkpoint than this one (${trained}): do not trust it`);
}

function checkLength(
  { length }: Float32Array,
  { coef }: LinearProbe,
  { model, features }: ProbeSetting,
  path: string,
  name: string,
): void {
  const expected = coef.shape[1];
  if (length === expected) return;
  const trained = model ?? SHIPPED_DINO;
  throw new CheckpointError(
    `${path} takes ${expected} numbers (${features} of ${trained}), but ${name} gives ${length}: ` +
      `leave out --model, or train a probe for ${name}`,
  );
}

function labelsOf(probe: LinearProbe, data: Float32Array) {
  const { data: scores } = probe.predictProba({ data, shape: [1, data.length] });
  const labels = probe.classes.map((label, i) => ({ label, score: scores[i] as number }));
  return labels.sort((a, b) => b.score - a.score);
}
