// `probe train`: a linear classifier on DINO's features of a folder of pictures for each class.
import type { Dino, DinoEncodeOptions } from "../../api/dino.ts";
import { ArgumentError, ImageError } from "../../device/errors.ts";
import type { NdArray } from "../../device/tensor.ts";
import { KnnClassifier } from "../../features/knn.ts";
import { LinearProbe } from "../../features/linearProbe.ts";
import { openSource } from "../../io/source/openSource.ts";
import { type Context, modelName, modelSource, sourceOptions } from "../context.ts";
import { encodePictures, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { EXIT } from "../failure.ts";
import { checkpointIdentity } from "../files/identity.ts";
import { checkClasses, type Division, findLabelled, holdOut, type LabelledPicture } from "../files/labelledPictures.ts";
import type { PictureFailure } from "../files/pictures.ts";
import { encodeProbe, type ProbeFeatures, probeVector } from "../files/probeFile.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { jsonText } from "../printable.ts";
import { pairs } from "../table.ts";

export interface TrainRequest {
  readonly folder: string;
  readonly out: string;
  readonly features: ProbeFeatures;
  readonly size?: DinoEncodeOptions["size"];
  /** A folder of folders to measure on. */
  readonly test?: string;
  /** Or a share of each class. */
  readonly holdout?: number;
  readonly seed: number;
  /** Also measure k-NN. */
  readonly knn?: boolean;
}

/** Features of pictures [N, C] with their labels. */
interface Labelled {
  readonly features: NdArray;
  readonly labels: readonly string[];
}

export async function probeTrain(request: TrainRequest, context: Context): Promise<number> {
  const { options, signal } = context;
  const { train, test } = await divide(request, context);
  using dino = await openDino(context);
  const failures: PictureFailure[] = [];
  const training = await encode(dino, train, request, failures, context);
  const probe = await LinearProbe.fit(training.features, training.labels, { device: await dino.device(), signal });
  const testing = test.length ? await encode(dino, test, request, failures, context) : undefined;
  const accuracy = testing && {
    linear: share(probe.predict(testing.features), testing.labels),
    ...(request.knn && { knn: share(knnOf(training).predict(testing.features), testing.labels) }),
  };
  signal.throwIfAborted();
  const { model } = options;
  const source = await openSource(modelSource(options, SHIPPED_DINO), sourceOptions(context));
  const checkpoint = await checkpointIdentity(source, signal);
  const { features, size, out } = request;
  await writeWhole(out, await encodeProbe(probe, { model, checkpoint, features, size }));
  report(request, context, { dtype: dino.dtype, training, testing, accuracy, errors: failures });
  return failures.length ? EXIT.FAILURE : EXIT.OK;
}

async function divide({ folder, test, holdout, seed }: TrainRequest, { signal, terminal }: Context): Promise<Division> {
  const find = (from: string) => findLabelled(from, signal, (text) => terminal.error(text));
  const pictures = await find(folder);
  checkClasses(folder, pictures);
  if (holdout !== undefined) return holdOut(pictures, holdout, seed);
  if (test === undefined) return { train: pictures, test: [] };
  const testPictures = await find(test);
  const known = new Set(pictures.map(({ label }) => label));
  const other = testPictures.find(({ label }) => !known.has(label));
  if (other) throw new ArgumentError(`${test} has the class ${other.label}, which ${folder} has not`);
  return { train: pictures, test: testPictures };
}

/** A picture that cannot be read is left out, and a warning says so; with --strict it is the end. */
async function encode(
  dino: Dino,
  pictures: readonly LabelledPicture[],
  { features: kind, size }: TrainRequest,
  failures: PictureFailure[],
  { terminal, options, signal }: Context,
): Promise<Labelled> {
  const progress = terminal.progress("pictures", pictures.length);
  const rows: Float32Array[] = [];
  const labels: string[] = [];
  let done = 0;
  const inputs = pictures.map(({ path }) => ({ path, image: path }));
  for await (const picture of encodePictures(dino, inputs, { size }, { signal })) {
    if ("message" in picture) {
      if (options.strict) throw new ImageError(picture.message);
      failures.push(picture);
      terminal.warn(picture.message);
    } else {
      rows.push(probeVector(picture.features, kind));
      labels.push((pictures[done] as LabelledPicture).label);
    }
    progress.update(++done);
  }
  progress.stop();
  const width = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    data.set(row, i * width);
  });
  return { features: { data, shape: [rows.length, width] }, labels };
}

function knnOf({ features, labels }: Labelled): KnnClassifier {
  return new KnnClassifier(features, labels);
}

/** Share of predictions that are right. */
function share(predicted: readonly string[], labels: readonly string[]): number {
  return predicted.filter((label, i) => label === labels[i]).length / labels.length;
}

interface Outcome {
  readonly dtype: string;
  readonly training: Labelled;
  readonly testing?: Labelled;
  readonly accuracy?: { readonly linear: number; readonly knn?: number };
  readonly errors: readonly PictureFailure[];
}

function report({ out, features }: TrainRequest, { terminal, options }: Context, outcome: Outcome): void {
  const { dtype, training, testing, accuracy, errors } = outcome;
  const classes = Object.fromEntries([...new Set(training.labels)].map((label) => [label, countOf(training, label)]));
  const dimensions = training.features.shape[1];
  if (options.json) {
    const model = { model: modelName(options, SHIPPED_DINO), dtype };
    const tested = testing && { tested: testing.labels.length, accuracy };
    terminal.result(jsonText({ out, ...model, features, dimensions, classes, ...tested, errors }, 2));
    return;
  }
  const percent = (value: number) => `${(value * 100).toFixed(1)} % of ${testing?.labels.length} pictures`;
  terminal.result(
    pairs({
      classes: Object.entries(classes)
        .map(([label, count]) => `${label} ${count}`)
        .join(", "),
      features: `${features}, ${dimensions} numbers`,
      accuracy: accuracy && percent(accuracy.linear),
      "k-NN's": accuracy?.knn === undefined ? undefined : percent(accuracy.knn),
    }),
  );
  terminal.note(`wrote ${out}`);
}

function countOf({ labels }: Labelled, label: string): number {
  return labels.filter((other) => other === label).length;
}
