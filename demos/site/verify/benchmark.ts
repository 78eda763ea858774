// How fast the models that come with the page are here: each call as a page makes it, from picture to result, many
// times over, and the middle of the times.
import { Clip, Dino, Sam } from "../engine.ts";
import { samplePhotos } from "../shell/samples.ts";

export interface Timing {
  readonly name: string;
  readonly runs: number;
  /** Milliseconds: the middle of all runs, the least and the most. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Floating-point operations of the model, where they are known. */
  readonly flops?: number;
}

interface Task {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  readonly flops?: number;
}

const ENOUGH_MS = 500;
const MOST_RUNS = 30;
const LEAST_RUNS = 5;

/** Loads the three models one after the other and times what they do. */
export async function* benchmark(signal: AbortSignal): AsyncGenerator<Timing> {
  const files = await samplePhotos(["chelsea.png"]);
  const photo = await createImageBitmap(files[0] as File);
  try {
    yield* withModel(
      await Clip.fromPretrained("./models/tiny-clip", { cache: true, signal }),
      clipTasks(photo),
      signal,
    );
    yield* withModel(
      await Dino.fromPretrained("./models/tiny-dino", { cache: true, signal }),
      dinoTasks(photo),
      signal,
    );
    yield* withModel(await Sam.fromPretrained("./models/tiny-sam", { cache: true, signal }), samTasks(photo), signal);
  } finally {
    photo.close();
  }
}

async function* withModel<M extends { dispose(): void }>(
  model: M,
  tasks: (model: M, signal: AbortSignal) => AsyncIterable<Task>,
  signal: AbortSignal,
): AsyncGenerator<Timing> {
  try {
    for await (const task of tasks(model, signal)) yield await time(task, signal);
  } finally {
    model.dispose();
  }
}

function clipTasks(photo: ImageBitmap) {
  return async function* (clip: Clip, signal: AbortSignal): AsyncGenerator<Task> {
    const { flops } = await clip.summary();
    yield { name: "CLIP, one picture", run: () => clip.encodeImage(photo, { signal }), flops };
    const eight = Array.from({ length: 8 }, () => photo);
    yield { name: "CLIP, eight pictures", run: () => clip.encodeImage(eight, { signal }), flops: 8 * flops };
    yield { name: "CLIP, one text", run: () => clip.encodeText("a red saree with gold border", { signal }) };
  };
}

function dinoTasks(photo: ImageBitmap) {
  return async function* (dino: Dino, signal: AbortSignal): AsyncGenerator<Task> {
    const { flops } = await dino.summary();
    yield { name: "DINO, one picture", run: () => dino.encodeImage(photo, { signal }), flops };
  };
}

function samTasks(photo: ImageBitmap) {
  return async function* (sam: Sam, signal: AbortSignal): AsyncGenerator<Task> {
    const embed = async () => (await sam.encodeImage(photo, { signal })).dispose();
    yield { name: "SAM, embed a picture", run: embed };
    const scene = await sam.encodeImage(photo, { signal });
    try {
      const points = [{ x: photo.width / 2, y: photo.height / 2 }];
      yield { name: "SAM, one click", run: () => scene.predict({ points }) };
    } finally {
      scene.dispose();
    }
  };
}

async function time({ name, run, flops }: Task, signal: AbortSignal): Promise<Timing> {
  await run(); // compiles what is new
  const times: number[] = [];
  const start = performance.now();
  while (times.length < LEAST_RUNS || (times.length < MOST_RUNS && performance.now() - start < ENOUGH_MS)) {
    signal.throwIfAborted();
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.round(share * (times.length - 1))] as number;
  const middle = { median: at(0.5), least: at(0), most: at(1) };
  return { name, runs: times.length, ...middle, ...(flops !== undefined && { flops }) };
}
