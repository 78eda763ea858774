// A call that was aborted never fulfils, whenever that is, and no call's abort ends the work of another; a model's
// dispose ends its calls with a DisposedError.
import { beforeAll, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import { Sam } from "../../src/api/sam.ts";
import type { SamScene } from "../../src/api/samScene.ts";
import type { Device } from "../../src/device/device.ts";
import { DisposedError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";

const PICTURE: RawImage = { width: 96, height: 64, channels: 4, data: new Uint8Array(96 * 64 * 4).fill(90) };
const POINT = { points: [{ x: 9, y: 9 }] };
const REASON = new RangeError("enough");

interface Models {
  readonly clip: Clip;
  readonly dino: Dino;
  readonly sam: Sam;
  readonly scene: SamScene;
}

let device: Device;
let models: Models;

beforeAll(async () => {
  device = await testDevice();
  const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
  const clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
  const dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
  models = { clip, dino, sam, scene: await sam.encodeImage(PICTURE) };
  return () => {
    models.scene.dispose();
    for (const model of [clip, dino, sam]) model.dispose();
  };
});

const prompts = Array.from({ length: 20 }, (_, i) => ({ points: [{ x: 3 * i, y: 9 }] }));

async function all(results: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const result of results) list.push(result);
  return list;
}

const CALLS: Readonly<Record<string, (models: Models, signal?: AbortSignal) => Promise<unknown>>> = {
  "clip.encodeImage": ({ clip }, signal) => clip.encodeImage(PICTURE, { signal }),
  "clip.encodeImage of several": ({ clip }, signal) => clip.encodeImage([PICTURE, PICTURE], { signal }),
  "clip.encodeImage, kept": ({ clip }, signal) => clip.encodeImage(PICTURE, { signal, keepOnGpu: true }),
  "clip.encodeImage with patches": ({ clip }, signal) => clip.encodeImage(PICTURE, { signal, patches: true }),
  "clip.encodeImages": ({ clip }, signal) => all(clip.encodeImages([PICTURE], { signal })),
  "clip.encodeText": ({ clip }, signal) => clip.encodeText("a cat", { signal }),
  "clip.classify": ({ clip }, signal) => clip.classify(PICTURE, ["a", "b"], { signal }),
  "dino.encodeImage": ({ dino }, signal) => dino.encodeImage(PICTURE, { signal }),
  "dino.encodeImage, kept": ({ dino }, signal) => dino.encodeImage(PICTURE, { signal, keepOnGpu: true }),
  "sam.encodeImage": ({ sam }, signal) => sam.encodeImage(PICTURE, { signal }),
  "sam.generateMasks": ({ sam }, signal) => sam.generateMasks(PICTURE, { signal, pointsPerSide: 2 }),
  "scene.predict": ({ scene }, signal) => scene.predict({ ...POINT, signal }),
  "scene.predict of a box": ({ scene }, signal) => scene.predict({ boxes: [[1, 2, 30, 40]], signal }),
  "scene.predict, kept": ({ scene }, signal) => scene.predict({ ...POINT, signal, keepOnGpu: true }),
  "scene.predictBatch of one run": ({ scene }, signal) => scene.predictBatch(prompts.slice(0, 8), { signal }),
  "scene.predictBatch of several": ({ scene }, signal) => scene.predictBatch(prompts, { signal }),
};

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function free(result: unknown): void {
  (result as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
}

describe.each(Object.entries(CALLS))("%s", (_, call) => {
  it.each([
    ["at once", () => Promise.resolve()],
    ["a turn later", () => later(0)],
    ["a few milliseconds later", () => later(3)],
  ])("aborted %s, it rejects with the reason or is over by then, and leaves nothing", async (_when, wait) => {
    free(await call(models)); // plans are made
    const { buffers } = device.memory;
    const controller = new AbortController();
    let isOver = false;
    const calling = call(models, controller.signal).finally(() => {
      isOver = true;
    });
    const outcome = calling.then(free, (error: unknown) => error);
    await wait();
    const wasOver = isOver;
    controller.abort(REASON);
    expect(await outcome).toBe(wasOver ? undefined : REASON);
    // What the GPU had begun ends by itself.
    await call(models).then(free);
    await device.done();
    await later(5);
    expect(device.memory.buffers).toBeLessThanOrEqual(buffers);
  });

  it("rejects with the reason when it was aborted before", async () => {
    await expect(call(models, AbortSignal.abort(REASON))).rejects.toBe(REASON);
  });
});

describe("another call's abort", () => {
  it.each([{ size: 160 }, { attention: true }])(
    "does not end this one, which waits for the same plan: %o",
    async (options) => {
      const first = new AbortController();
      const aborted = models.dino.encodeImage(PICTURE, { ...options, signal: first.signal });
      const other = models.dino.encodeImage(PICTURE, options);
      first.abort(REASON);
      await expect(aborted).rejects.toBe(REASON);
      expect((await other).cls.data.every(Number.isFinite)).toBe(true);
    },
  );

  it("nor one that comes when all who waited have gone", async () => {
    const controllers = [new AbortController(), new AbortController()];
    const gone = controllers.map(({ signal }) => models.dino.encodeImage(PICTURE, { size: 176, signal }));
    await later(0);
    for (const controller of controllers) controller.abort(REASON);
    const other = models.dino.encodeImage(PICTURE, { size: 176 });
    for (const call of gone) await expect(call).rejects.toBe(REASON);
    expect((await other).cls.data.every(Number.isFinite)).toBe(true);
  });

  it("nor one that waits for the new device after a loss", async () => {
    using sam = await Sam.fromPretrained("checkpoints/tiny-sam");
    (await sam.device()).gpu.destroy();
    await later(20);
    const first = new AbortController();
    const aborted = sam.encodeImage(PICTURE, { signal: first.signal });
    const other = sam.encodeImage(PICTURE);
    first.abort(REASON);
    await expect(aborted).rejects.toBe(REASON);
    expect((await other).width).toBe(PICTURE.width);
  });
});

describe("dispose of the model", () => {
  it.each([0, 2, 15])("ends its calls with DisposedError, after %d ms, on a device of its own", async (ms) => {
    const sam = await Sam.fromPretrained("checkpoints/tiny-sam");
    const scene = await sam.encodeImage(PICTURE);
    const calls = [scene.predictBatch([...prompts, ...prompts]), sam.generateMasks(PICTURE), sam.encodeImage(PICTURE)];
    const outcomes = Promise.allSettled(calls);
    await later(ms);
    sam.dispose();
    for (const outcome of await outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(DisposedError);
    }
    const [batch] = await outcomes;
    expect(batch?.status).toBe("rejected");
    await expect(scene.predict(POINT)).rejects.toThrow(DisposedError);
  });

  it("leaves nothing on a device that others share", async () => {
    const own = await openDevice();
    const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device: own });
    const scene = await sam.encodeImage(PICTURE);
    const calls = Promise.allSettled([scene.predictBatch(prompts), sam.encodeImage(PICTURE)]);
    await later(1);
    sam.dispose();
    scene.dispose();
    for (const outcome of await calls) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(DisposedError) });
    }
    await own.done();
    await later(20);
    own.check(); // nothing of it was a validation error
    expect(own.memory.bytes).toBeLessThanOrEqual(16); // the stand-in for inputs that are absent
    own.destroy();
  });

  it("while many pictures run ends the iteration, and the next call too", async () => {
    const clip = await Clip.fromPretrained("checkpoints/tiny-clip");
    const seen: number[] = [];
    const running = (async () => {
      for await (const { index } of clip.encodeImages(Array(40).fill(PICTURE))) {
        if (seen.push(index) === 2) clip.dispose();
      }
    })();
    await expect(running).rejects.toThrow(DisposedError);
    await expect(clip.encodeText("a")).rejects.toThrow(DisposedError);
  });
});
