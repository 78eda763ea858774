// What the page of worker.test.ts runs: the models behind the worker beside those in the page.
import * as direct from "../../src/index.ts";
import * as worker from "../../src/worker/index.ts";

const CLIP = new URL("checkpoints/tiny-clip", location.href);
const DINO = new URL("test/golden/small-dino-p8", location.href);
const SAM = new URL("test/golden/small-sam", location.href);
const SAM2 = new URL("checkpoints/tiny-sam2", location.href);
const PHOTO = "demos/photos/chelsea.png";

let large: Blob;

const photo = async (name = PHOTO) => (await fetch(name)).blob();

/** An error as a test can have it, and whether it is of the class that the package exports. */
async function failureOf(work: Promise<unknown>, Class: abstract new (...args: never[]) => Error = Error) {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) return { name: "", message: String(error), isOfClass: false };
  return { name: error.name, message: error.message, isOfClass: error instanceof Class };
}

type Entry = Pick<typeof direct, "Clip" | "Dino"> | Pick<typeof worker, "Clip" | "Dino">;

async function clipResults({ Clip }: Entry) {
  using clip = await Clip.fromPretrained(CLIP);
  const image = await clip.encodeImage([await photo(), await createImageBitmap(await photo())]);
  const text = await clip.encodeText(["a cat", "a truck"]);
  return {
    config: clip.config,
    image,
    text,
    logits: await clip.similarity(image, text),
    labels: await clip.encodeLabels(["cat"], ["a {}", "the {}"]),
    one: await clip.classify(PHOTO, ["ship", "cat"]),
    several: await clip.classify([PHOTO, PHOTO], ["ship", "cat"], { template: "{}" }),
    summary: await clip.summary(2),
    preprocessing: await clip.preprocessingSummary(400, 300),
  };
}

async function dinoResults({ Dino }: Entry) {
  using dino = await Dino.fromPretrained(DINO);
  const progress: unknown[] = [];
  const options = { size: 96, attention: true, layers: [-2], onProgress: (step: unknown) => void progress.push(step) };
  const features = await dino.encodeImage(await photo(), options);
  return { config: dino.config, patchSize: dino.patchSize, features, progress, summary: await dino.summary() };
}

async function samResults({ Sam }: Pick<typeof direct, "Sam"> | Pick<typeof worker, "Sam">, model: URL) {
  using sam = await Sam.fromPretrained(model);
  using scene = await sam.encodeImage(await photo());
  const masks = await scene.predict({ points: [{ x: 200, y: 150 }], returnLogits: true });
  const box = [50, 40, 300, 250] as const;
  const progress: unknown[] = [];
  return {
    config: sam.config,
    size: [scene.width, scene.height],
    masks,
    refined: await scene.predict({ box, maskInput: masks[0]?.lowResLogits, multimask: false }),
    boxes: await scene.predict({ boxes: [box, [0, 0, 100, 100]] }),
    batch: await scene.predictBatch([{ box }], { multimask: false }),
    records: await sam.generateMasks(await photo(), {
      pointsPerSide: 3,
      predIouThresh: 0,
      stabilityScoreThresh: 0,
      outputMode: "rle",
      onProgress: (step) => void progress.push(step),
    }),
    progress,
    summary: [await sam.summary(), await scene.summary()],
  };
}

/** Every array as it is, so that equal means equal. */
const asText = (value: unknown) =>
  JSON.stringify(value, (_, part) => (ArrayBuffer.isView(part) ? [...(part as Uint8Array)] : part));

type AnyEntry = typeof direct | typeof worker;
const RESULTS: Readonly<Record<"clip" | "dino" | "sam" | "sam2", (entry: AnyEntry) => Promise<unknown>>> = {
  clip: clipResults,
  dino: dinoResults,
  sam: (entry) => samResults(entry, SAM),
  sam2: (entry) => samResults(entry, SAM2),
};

const page = {
  /** Whether the two ways give the same, and how much text that is. */
  async same(name: keyof typeof RESULTS) {
    const [mine, its] = [asText(await RESULTS[name](direct)), asText(await RESULTS[name](worker))];
    const at = [...mine].findIndex((letter, i) => letter !== its[i]);
    return { isSame: mine === its, length: mine.length, mine: mine.slice(at, at + 200), its: its.slice(at, at + 200) };
  },

  /** Pictures of every kind that a page has, which must stay usable, as embeddings of one and the same photo. */
  async kinds() {
    using clip = await worker.Clip.fromPretrained(CLIP);
    const blob = await photo();
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    const offscreen = new OffscreenCanvas(width, height);
    const context = offscreen.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, width, height);
    const larger = new Uint8Array(pixels.data.length + 8);
    larger.set(pixels.data, 8);
    const frame = new VideoFrame(offscreen, { timestamp: 0 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const kinds = {
      path: PHOTO,
      URL: new URL(PHOTO, location.href),
      Blob: blob,
      Uint8Array: bytes,
      ArrayBuffer: bytes.slice().buffer,
      ImageBitmap: bitmap,
      img: Object.assign(new Image(), { src: PHOTO }),
      canvas,
      OffscreenCanvas: offscreen,
      ImageData: pixels,
      RawImage: { width, height, channels: 4 as const, data: larger.subarray(8) },
      VideoFrame: frame,
    };
    const rows: Record<string, number[]> = {};
    for (const [kind, image] of Object.entries(kinds)) {
      rows[kind] = [...(await clip.encodeImage(image as direct.ImageLike)).data];
    }
    const left = [bitmap.width, frame.codedWidth, pixels.data.length, larger.length, bytes.length];
    await clip.encodeImage([worker.transfer(bitmap), worker.transfer(frame)]);
    return { rows, left, moved: [bitmap.width, frame.format] };
  },

  async errors() {
    const { Clip, Dino, Sam, CheckpointError, ImageError, ArgumentError, DisposedError, NotFoundError } = worker;
    const clip = await Clip.fromPretrained(CLIP);
    const noNumbers = { data: new Float32Array(128).fill(Number.NaN), shape: [1, 128] };
    const failures = {
      checkpoint: await failureOf(Clip.fromPretrained(DINO), CheckpointError),
      missing: await failureOf(Dino.fromPretrained("./nothing/here"), NotFoundError),
      image: await failureOf(clip.encodeImage(new Blob(["hello"])), ImageError),
      element: await failureOf(clip.encodeImage(document.createElement("p") as never), ImageError),
      foreign: await failureOf(clip.encodeImage(location.href.replace("127.0.0.1", "localhost") + PHOTO), ImageError),
      labels: await failureOf(clip.classify(PHOTO, []), direct.ArgumentError),
      numbers: await failureOf(clip.similarity(noNumbers, noNumbers), worker.NumericError),
      device: await failureOf(Sam.fromPretrained(SAM, { device: {} as GPUDevice }), ArgumentError),
      progress: await failureOf(
        clip.encodeImage(PHOTO, {
          onProgress: () => {
            throw new RangeError("not this far");
          },
        }),
        RangeError,
      ),
    };
    clip.dispose();
    return { ...failures, disposed: await failureOf(clip.encodeText("a cat"), DisposedError) };
  },

  /** Loading on a page that came over plain http, which has no WebGPU. */
  async insecure() {
    return {
      isSecure: isSecureContext,
      direct: await failureOf(direct.Clip.fromPretrained(CLIP), direct.AdapterError),
      worker: await failureOf(worker.Clip.fromPretrained(CLIP), worker.AdapterError),
    };
  },

  /** Aborts a load, a batch and everything mode; what comes out must be the very reason. */
  async aborts() {
    const reason = new RangeError("enough");
    const isReason = async (start: (signal: AbortSignal, go: () => void) => Promise<unknown>) => {
      const controller = new AbortController();
      const go = () => controller.abort(reason);
      return start(controller.signal, go).then(
        () => false,
        (error) => error === reason,
      );
    };
    using clip = await worker.Clip.fromPretrained(CLIP);
    using sam = await worker.Sam.fromPretrained(SAM);
    const many = Array<string>(40).fill(PHOTO);
    const loads = await isReason((signal, go) => {
      const loading = worker.Dino.fromPretrained(DINO, { signal });
      go();
      return loading;
    });
    let done = 0;
    const batch = await isReason((signal, go) =>
      clip.encodeImage(many, {
        signal,
        onProgress: (progress) => {
          done = progress.done;
          go();
        },
      }),
    );
    const everything = await isReason((signal, onProgress) => sam.generateMasks(PHOTO, { signal, onProgress }));
    const before = await isReason((signal, go) => {
      go();
      return clip.encodeText("a cat", { signal });
    });
    const scene = await sam.encodeImage(PHOTO);
    const short = await Promise.all(
      [
        (signal: AbortSignal) => clip.encodeText("a cat", { signal }),
        (signal: AbortSignal) => clip.encodeImage(PHOTO, { signal }),
        (signal: AbortSignal) => scene.predict({ points: [{ x: 9, y: 9 }], signal }),
        (signal: AbortSignal) => sam.encodeImage(PHOTO, { signal }),
      ].map((call) =>
        isReason((signal, go) => {
          const calling = call(signal);
          setTimeout(go, 1);
          return calling;
        }),
      ),
    );
    await scene.predict({ points: [{ x: 9, y: 9 }] });
    scene.dispose();
    const timeout = await failureOf(clip.encodeImage(many, { signal: AbortSignal.timeout(50) }), DOMException);
    const after = (await clip.encodeText("a cat")).shape;
    return { loads, batch, done, everything, before, short, timeout: timeout.name, after };
  },

  /** encodeImages: in order, with errors in their place, left early, aborted, and from a source that fails. */
  async streams() {
    using clip = await worker.Clip.fromPretrained(CLIP);
    using dino = await worker.Dino.fromPretrained(DINO);
    const images = [
      PHOTO,
      new Blob(["words"]),
      await createImageBitmap(await photo()),
      document.createElement("p"),
      PHOTO,
    ];
    const errors: unknown[] = [];
    const seen: unknown[] = [];
    const progress: unknown[] = [];
    const steps = new Set<string>();
    const rows: number[][] = [];
    const one = [...(await clip.encodeImage(PHOTO)).data];
    for await (const { index, image, embedding } of clip.encodeImages(images as direct.ImageLike[], {
      batchSize: 2,
      onError: (error, { index: at, image: which }) =>
        void errors.push([at, (error as Error).name, images[at] === which, error instanceof worker.ImageError]),
      onProgress: (step) => void progress.push(step),
      onStep: ({ lane }) => void steps.add(lane),
    })) {
      seen.push([index, images[index] === image]);
      rows.push([...embedding]);
    }
    const worst = Math.max(...rows.flatMap((row) => row.map((value, i) => Math.abs(value - (one[i] ?? Number.NaN)))));
    let returned = false;
    let given = 0;
    function* endless() {
      try {
        for (;;) {
          given++;
          yield PHOTO;
        }
      } finally {
        returned = true;
      }
    }
    for await (const { features } of dino.encodeImages(endless(), { size: [64, 64] })) if (features.grid[0]) break;
    const controller = new AbortController();
    const reason = new RangeError("enough");
    const aborted = (async () => {
      for await (const _ of clip.encodeImages(endless(), { signal: controller.signal })) controller.abort(reason);
    })().catch((error: unknown) => error === reason);
    const failing = (async () => {
      const source = async function* () {
        yield PHOTO;
        throw new RangeError("no more");
      };
      for await (const _ of clip.encodeImages(source())) seen.push("one");
    })().catch(String);
    const thrown = failureOf(clip.encodeImages([new Blob(["words"])]).next(), worker.ImageError);
    const wrong = failureOf(clip.encodeImages(PHOTO as never).next(), worker.ArgumentError);
    return {
      seen,
      errors,
      progress,
      lanes: [...steps].sort(),
      worst,
      left: { returned, isBounded: given < 60 },
      aborted: await aborted,
      failing: await failing,
      thrown: (await thrown).name,
      wrong: (await wrong).name,
    };
  },

  /** Two models and many calls at once, and what memory is left when all is disposed of. */
  async atOnce() {
    const loading = [worker.Clip.fromPretrained(CLIP), worker.Dino.fromPretrained(DINO)] as const;
    const [clip, dino] = await Promise.all(loading);
    const [image, text, features, again] = await Promise.all([
      clip.encodeImage(PHOTO),
      clip.encodeText("a cat"),
      dino.encodeImage(PHOTO, { size: 96 }),
      clip.encodeImage(PHOTO),
    ]);
    const device = await clip.device();
    clip.dispose();
    dino.dispose();
    return {
      shapes: [image.shape, text.shape, features.cls.shape],
      isSame: asText(image) === asText(again),
      adapter: device.info.class,
      bytes: device.memory.bytes,
      maxBufferSize: device.limits.maxBufferSize,
    };
  },

  /** A photo of 12 megapixels, for `largeMasks`. */
  async prepare() {
    const canvas = new OffscreenCanvas(4000, 3000);
    canvas.getContext("2d")?.drawImage(await createImageBitmap(await photo()), 0, 0, 4000, 3000);
    large = await canvas.convertToBlob({ type: "image/jpeg" });
    await worker.startWorker();
  },

  /** Makes masks of it. */
  async largeMasks(where: "page" | "worker") {
    const { Sam }: Pick<typeof direct, "Sam"> | Pick<typeof worker, "Sam"> = where === "page" ? direct : worker;
    using sam = await Sam.fromPretrained(SAM);
    using scene = await sam.encodeImage(large);
    await scene.predict({ points: [{ x: 2000, y: 1500 }] });
  },

  /** The worker ends under its calls: they reject, and the next call finds a new one. */
  async restarts() {
    const clip = await worker.Clip.fromPretrained(CLIP);
    using sam = await worker.Sam.fromPretrained(SAM);
    const scene = await sam.encodeImage(PHOTO);
    const before = await clip.encodeText("a cat");
    const pending = failureOf(clip.encodeImage(Array(40).fill(PHOTO)), worker.WorkerError);
    const healths = [await clip.health()];
    worker.stopWorker();
    const stopped = await pending;
    healths.push(await clip.health());
    const scenes = await failureOf(scene.predict({ points: [{ x: 1, y: 1 }] }), worker.WorkerError);
    const after = await clip.encodeText("a cat");
    (await clip.device()).destroy();
    await clip.encodeText("a cat").catch(() => {}); // this one may meet the device before its loss is known
    const reopened = await clip.encodeText("a cat");
    healths.push(await clip.health());
    clip.dispose();
    healths.push(await clip.health());
    return { healths, stopped, scenes, isSame: asText(before) === asText(after) && asText(after) === asText(reopened) };
  },

  /** A worker of the page's own that dies without a word, and one whose script is not there. */
  async dies() {
    const workerOfPage = new Worker("worker-thread.js", { type: "module" });
    await worker.startWorker(workerOfPage);
    using clip = await worker.Clip.fromPretrained(CLIP);
    const pending = failureOf(clip.encodeImage(Array(40).fill(PHOTO)), worker.WorkerError);
    workerOfPage.terminate();
    const died = await pending;
    const { shape } = await clip.encodeText("a cat");
    const absent = await failureOf(worker.startWorker(new Worker("absent.js", { type: "module" })), worker.WorkerError);
    return { died, shape, absent };
  },
};

export type WorkerPage = typeof page;

Object.assign(globalThis, { page });
