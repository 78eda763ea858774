// What the page of texture.test.ts runs: models on pictures that the browser holds, beside the same pixels as bytes.
import { Clip, type Device, Dino, type ImageLike, type NdArray, openDevice, Sam } from "../../src/index.ts";
import { loadImage } from "../../src/io/image/image.ts";

const MODELS = {
  clip: new URL("test/golden/small-clip", location.href),
  dino: new URL("test/golden/small-dino-p8", location.href),
  dinov3: new URL("test/golden/small-dinov3", location.href),
  sam: new URL("test/golden/small-sam", location.href),
};

let opened: Promise<Device> | undefined;

/** The device that the models share, so that a pipeline is compiled once. */
async function shared() {
  opened ??= openDevice();
  return { device: await opened };
}

const fetchBlob = async (url: string) => (await fetch(url)).blob();

/** Counts calls of a method, which still does its work unless it is to fail. */
function watch<T extends object>(prototype: T, name: keyof T & string, fails = false) {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  const state = { calls: 0, restore: () => void (prototype[name] = original as T[keyof T & string]) };
  prototype[name] = function (this: unknown, ...args: unknown[]) {
    state.calls++;
    if (fails) throw new TypeError("no such source here");
    return original.apply(this, args);
  } as T[keyof T & string];
  return state;
}

/** How often a picture went to a texture, and how often pixels were read back, while something ran. */
async function counted<T>(run: () => Promise<T>) {
  const copies = watch(GPUQueue.prototype, "copyExternalImageToTexture");
  const reads = watch(OffscreenCanvasRenderingContext2D.prototype, "getImageData");
  const result = await run().finally(() => {
    copies.restore();
    reads.restore();
  });
  return { result, copies: copies.calls, reads: reads.calls };
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

/** The pixels as bytes, read back through a canvas. */
async function bytesOf(image: ImageLike): Promise<ImageLike> {
  return { ...(await loadImage(image)), channels: 4 };
}

async function drawn<T extends HTMLCanvasElement | OffscreenCanvas>(url: string, canvas: T): Promise<T> {
  const bitmap = await createImageBitmap(await fetchBlob(url));
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  (canvas.getContext("2d") as OffscreenCanvasRenderingContext2D).drawImage(bitmap, 0, 0);
  return canvas;
}

async function videoOf(url: string): Promise<HTMLVideoElement> {
  const canvas = await drawn(url, document.createElement("canvas"));
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: canvas.captureStream(10) });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const frames = setInterval(() => context.drawImage(canvas, 0, 0), 50); // a stream has frames only while it is drawn
  await video.play();
  clearInterval(frames);
  return video;
}

const KINDS = {
  Blob: fetchBlob,
  ImageBitmap: async (url: string) => createImageBitmap(await fetchBlob(url)),
  img: async (url: string) => Object.assign(new Image(), { src: url }),
  canvas: (url: string) => drawn(url, document.createElement("canvas")),
  OffscreenCanvas: (url: string) => drawn(url, new OffscreenCanvas(1, 1)),
  VideoFrame: async (url: string) => new VideoFrame(await drawn(url, new OffscreenCanvas(1, 1)), { timestamp: 0 }),
} satisfies Record<string, (url: string) => Promise<ImageLike>>;

const page = {
  /** Embeddings of pictures of one kind, by texture and by canvas. */
  async clip(kind: keyof typeof KINDS, urls: readonly string[]) {
    using clip = await Clip.fromPretrained(MODELS.clip, await shared());
    const images = await Promise.all(urls.map((url) => KINDS[kind](url)));
    const expected: NdArray[] = [];
    for (const image of images) expected.push(await clip.encodeImage(await bytesOf(image)));
    const { result, ...counts } = await counted(async () => {
      const rows: NdArray[] = [];
      for (const image of images) rows.push(await clip.encodeImage(image));
      return { rows, together: await clip.encodeImage(images) };
    });
    const one = Math.max(...result.rows.map((row, i) => difference(row.data, expected[i]?.data ?? [])));
    const all = difference(
      result.together.data,
      expected.flatMap(({ data }) => [...data]),
    );
    return { one, all, ...counts };
  },

  /** A video's current frame: by texture, and by createImageBitmap and canvas. */
  async video(url: string) {
    using clip = await Clip.fromPretrained(MODELS.clip, await shared());
    const video = await videoOf(url);
    const expected = await clip.encodeImage(await bytesOf(await createImageBitmap(video)));
    const { result, ...counts } = await counted(() => clip.encodeImage(video));
    const cosine = result.data.reduce((sum, value, i) => sum + value * (expected.data[i] ?? Number.NaN), 0);
    return { cosine, ...counts };
  },

  async dino(model: "dino" | "dinov3", url: string) {
    using dino = await Dino.fromPretrained(MODELS[model], await shared());
    const blob = await fetchBlob(url);
    const expected = await dino.encodeImage(await bytesOf(blob));
    const { result, ...counts } = await counted(() => dino.encodeImage(blob));
    return { error: difference(result.patches.data, expected.patches.data), ...counts };
  },

  /** A scene, and everything mode with crops, which are cut out by the copy. */
  async sam(url: string) {
    using sam = await Sam.fromPretrained(MODELS.sam, await shared());
    const blob = await fetchBlob(url);
    const bytes = await bytesOf(blob);
    const options = { pointsPerSide: 2, cropNLayers: 1, predIouThresh: 0, stabilityScoreThresh: 0 } as const;
    const run = async (image: ImageLike) => {
      using scene = await sam.encodeImage(image);
      const [mask] = await scene.predict({ points: [{ x: 200, y: 150 }], multimask: false });
      const records = await sam.generateMasks(image, { ...options, outputMode: "coco_rle" });
      return { logits: mask?.lowResLogits ?? [], records: JSON.stringify(records) };
    };
    const expected = await run(bytes);
    const { result, ...counts } = await counted(() => run(blob));
    const isSame = result.records === expected.records;
    return { error: difference(result.logits, expected.logits), isSame, length: expected.records.length, ...counts };
  },

  /** A browser that refuses the source, and a device whose textures are too small: by canvas, the same. */
  async fallbacks(url: string) {
    const blob = await fetchBlob(url);
    using clip = await Clip.fromPretrained(MODELS.clip, await shared());
    const expected = await clip.encodeImage(await bytesOf(blob));
    const failing = watch(GPUQueue.prototype, "copyExternalImageToTexture", true);
    const refused = await counted(() => clip.encodeImage(blob)).finally(failing.restore);
    const adapter = await navigator.gpu.requestAdapter();
    const gpu = (await adapter?.requestDevice()) as GPUDevice;
    using small = await Clip.fromPretrained(MODELS.clip, { device: gpu });
    const tall = new OffscreenCanvas(2, gpu.limits.maxTextureDimension2D + 1);
    tall.getContext("2d")?.fillRect(0, 0, 1, 5000);
    const large = await counted(() => small.encodeImage(tall));
    const error = difference(large.result.data, (await small.encodeImage(await bytesOf(tall))).data);
    return {
      refused: { error: difference(refused.result.data, expected.data), reads: refused.reads },
      large: { error, copies: large.copies, reads: large.reads },
    };
  },

  /** keepOnGpu on the caller's device, read by the caller's own commands; and a closed frame. */
  async kept(url: string) {
    const adapter = await navigator.gpu.requestAdapter();
    const gpu = (await adapter?.requestDevice()) as GPUDevice;
    using clip = await Clip.fromPretrained(MODELS.clip, { device: gpu });
    const frame = await KINDS.VideoFrame(url);
    const expected = await clip.encodeImage(frame);
    const { memory } = await clip.device();
    const before = memory.bytes;
    const kept = await clip.encodeImage(frame, { keepOnGpu: true });
    const { byteLength } = expected.data;
    const staging = gpu.createBuffer({ size: byteLength, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(kept.buffer, 0, staging, 0, byteLength);
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const error = difference(new Float32Array(staging.getMappedRange()), expected.data);
    kept.dispose();
    frame.close();
    const closed = await clip.encodeImage(frame).then(String, ({ name }: Error) => name);
    return { error, leaked: memory.bytes - before, closed };
  },
};

export type TexturePage = typeof page;

Object.assign(globalThis, { page });
