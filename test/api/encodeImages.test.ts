// Many pictures through the pipeline: the same results as one by one, in order, whatever goes wrong on the way, and
// nothing left behind.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import type { Device } from "../../src/device/device.ts";
import { ArgumentError, NotFoundError } from "../../src/device/errors.ts";
import type { ImageLike, RawImage } from "../../src/io/image/image.ts";
import type { EncodeStep } from "../../src/pictures/pictureRuns.ts";
import { testDevice } from "../adapters.ts";
import { cosine } from "../models/parity.ts";

let device: Device;
let clip: Clip;
beforeAll(async () => {
  device = await testDevice();
  clip = await Clip.fromPretrained("test/golden/small-clip", { device });
});
afterAll(() => clip.dispose());

/** A picture that looks like no other: its size and colours come of its number. */
function picture(i: number, width = 40 + ((i * 37) % 90), height = 30 + ((i * 53) % 70)): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at++) data[at] = at * (i + 3) + ((at >> 6) % 7) * 31;
  return { width, height, channels: 3, data };
}

const pictures = (count: number) => Array.from({ length: count }, (_, i) => picture(i));

async function* slowly<T>(items: Iterable<T>, log: string[] = []): AsyncGenerator<T> {
  try {
    for (const item of items) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      log.push("pulled");
      yield item;
    }
  } finally {
    log.push("closed");
  }
}

/** GPU bytes once all work is done. */
async function settledBytes(): Promise<number> {
  await device.gpu.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 20));
  return device.memory.bytes;
}

/** The model's own size, and one that takes half of the work, where there are many pictures. */
const [OWN, SMALL] = [48, 32];

/** What the call for one picture alone gives, by its number and the size: the same in every test. */
const alone = new Map<string, Float32Array>();

async function encodedAlone(i: number, size: number): Promise<Float32Array> {
  const key = `${i} at ${size}`;
  const embedding = alone.get(key) ?? ((await clip.encodeImage(picture(i), { size })).data as Float32Array);
  alone.set(key, embedding);
  return embedding;
}

describe("results", () => {
  it.each([
    [1, 8, OWN],
    [7, 8, OWN],
    [21, 8, SMALL],
    [21, 1, SMALL],
    [21, 5, SMALL],
  ])("%i pictures, %i a run, of size %i: what single calls give, in order", async (count, batchSize, size) => {
    const list = pictures(count);
    const indices: number[] = [];
    for await (const { index, image, embedding } of clip.encodeImages(slowly(list), { batchSize, size })) {
      expect(image).toBe(list[index]);
      expect(cosine(embedding, await encodedAlone(index, size))).toBeGreaterThan(0.999999);
      indices.push(index);
    }
    expect(indices).toEqual(list.map((_, i) => i));
  });

  it("one a run gives the very bits of single calls", async () => {
    const list = pictures(6);
    for await (const { index, embedding } of clip.encodeImages(list, { batchSize: 1 })) {
      expect(embedding).toEqual(await encodedAlone(index, OWN));
    }
  });

  it("are not mixed up by other calls on the same model", async () => {
    const list = pictures(20);
    const collect = async () => {
      const rows: Float32Array[] = [];
      for await (const { embedding } of clip.encodeImages(list, { size: SMALL })) rows.push(embedding);
      return rows;
    };
    const [expected, ...together] = [await collect(), ...(await Promise.all([collect(), collect(), collect()]))];
    for (const rows of together) expect(rows).toEqual(expected);
  });

  it("report progress, with a total where there is a list", async () => {
    const seen: unknown[] = [];
    const onProgress = (progress: unknown) => seen.push(progress);
    for await (const _ of clip.encodeImages(pictures(3), { onProgress }));
    for await (const _ of clip.encodeImages(slowly(pictures(2)), { onProgress }));
    const listed = [1, 2, 3].map((done) => ({ done, total: 3 }));
    expect(seen).toEqual([...listed, { done: 1, total: undefined }, { done: 2, total: undefined }]);
  });

  it("come with the steps of a timeline, each after the one before it", async () => {
    const steps: EncodeStep[] = [];
    for await (const _ of clip.encodeImages(pictures(20), { onStep: (step) => steps.push(step) }));
    for (const lane of ["decode", "upload"] as const) {
      expect(steps.filter((step) => step.lane === lane).flatMap(({ indices }) => indices)).toHaveLength(20);
    }
    expect(steps.filter(({ lane }) => lane === "readback")).toHaveLength(3);
    const gpu = steps.filter(({ lane }) => lane === "gpu");
    expect(gpu.length).toBeGreaterThanOrEqual(2); // one a batch of 8; the last may come after the results
    for (const { startMs, endMs } of steps) expect(endMs).toBeGreaterThanOrEqual(startMs);
    gpu.slice(1).forEach(({ startMs }, i) => {
      expect(startMs).toBeGreaterThanOrEqual(gpu[i]?.endMs as number);
    });
  });
});

describe("pictures that cannot be read", () => {
  const withBad = () => {
    const list: ImageLike[] = pictures(19);
    for (const at of [0, 5, 18]) list[at] = `no/such/picture${at}.png`;
    return list;
  };

  it("are thrown at their turn", async () => {
    const list = withBad().slice(1);
    const indices: number[] = [];
    const all = async () => {
      for await (const { index } of clip.encodeImages(list)) indices.push(index);
    };
    await expect(all()).rejects.toThrow(NotFoundError);
    expect(indices).toEqual([0, 1, 2, 3]);
  });

  it("are told to onError in their order, and the others go on", async () => {
    const events: (string | number)[] = [];
    const onError = (error: unknown, { index, image }: { index: number; image: ImageLike }) => {
      expect(error).toBeInstanceOf(NotFoundError);
      expect(image).toBe(`no/such/picture${index}.png`);
      events.push(`bad ${index}`);
    };
    const progress: number[] = [];
    const onProgress = ({ done }: { done: number }) => progress.push(done);
    for await (const { index } of clip.encodeImages(withBad(), { size: SMALL, onError, onProgress }))
      events.push(index);
    const expected = Array.from({ length: 19 }, (_, i) => ([0, 5, 18].includes(i) ? `bad ${i}` : i));
    expect(events).toEqual(expected);
    expect(progress.at(-1)).toBe(19);
  });

  it("may be all of them", async () => {
    const bad: number[] = [];
    const onError = (_: unknown, { index }: { index: number }) => bad.push(index);
    for await (const _ of clip.encodeImages(Array(20).fill("no/such.png"), { onError })) expect.unreachable();
    expect(bad).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it("a source that fails: its error comes after the results before it", async () => {
    async function* failing() {
      yield* pictures(3);
      throw new Error("the disk is gone");
    }
    const indices: number[] = [];
    const all = async () => {
      for await (const { index } of clip.encodeImages(failing())) indices.push(index);
    };
    await expect(all()).rejects.toThrow("the disk is gone");
    expect(indices).toEqual([0, 1, 2]);
  });
});

describe("ending early", () => {
  it("leaving the loop closes the source and gives the memory back", async () => {
    for await (const _ of clip.encodeImages(pictures(16), { size: SMALL, batchSize: 4 }));
    const before = await settledBytes();
    const log: string[] = [];
    for await (const { index } of clip.encodeImages(slowly(pictures(500), log), { size: SMALL, batchSize: 4 })) {
      if (index === 5) break;
    }
    expect(await settledBytes()).toBeLessThanOrEqual(before);
    expect(log.at(-1)).toBe("closed");
    expect(log.length).toBeLessThan(40);
  });

  it("an abort rejects at once, even while the source keeps us waiting", async () => {
    const before = await settledBytes();
    const abort = new AbortController();
    async function* endless(): AsyncGenerator<ImageLike> {
      yield picture(1);
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
    const all = async () => {
      for await (const _ of clip.encodeImages(endless(), { signal: abort.signal, batchSize: 4 }));
    };
    const running = expect(all()).rejects.toThrow("enough");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const abortedMs = performance.now();
    abort.abort(new Error("enough"));
    await running;
    expect(performance.now() - abortedMs).toBeLessThan(500);
    expect(await settledBytes()).toBeLessThanOrEqual(before);
  });

  it("an abort in the middle of the work leaves a model that works", async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const all = async () => {
      for await (const { index } of clip.encodeImages(pictures(64), { size: SMALL, signal: abort.signal })) {
        seen.push(index);
        if (index === 10) abort.abort();
      }
    };
    await expect(all()).rejects.toThrow(/abort/i);
    expect(seen).toEqual(Array.from({ length: 11 }, (_, i) => i));
    await settledBytes();
    expect((await clip.encodeImage(picture(0))).shape).toEqual([1, 40]);
  });

  it("a signal that is aborted before: nothing is read", async () => {
    const log: string[] = [];
    const source = slowly(pictures(3), log);
    await expect(clip.encodeImages(source, { signal: AbortSignal.abort() }).next()).rejects.toThrow(/abort/i);
    expect(log).not.toContain("pulled");
  });
});

it.each(["photo.jpg", new Uint8Array(3), 7, undefined])("%s is no list of pictures", async (source) => {
  await expect(clip.encodeImages(source as never).next()).rejects.toThrow(ArgumentError);
});

it.each([{ batchSize: 0 }, { batchSize: 1.5 }, { decodeAheadBytes: Number.NaN }, { size: 4 }])(
  "refuses %j",
  async (options) => {
    await expect(clip.encodeImages(pictures(1), options).next()).rejects.toThrow(ArgumentError);
  },
);

describe("memory", () => {
  it("is bounded for many pictures of as many sizes", async () => {
    const sizes = Array.from({ length: 120 }, (_, i) => [440 + i, 560 - 2 * i] as const);
    let most = 0;
    const bytesAfter = async (some: typeof sizes) => {
      function* source() {
        for (const [i, [width, height]] of some.entries()) yield picture(i, width, height);
      }
      for await (const _ of clip.encodeImages(source(), { size: SMALL })) most = Math.max(most, device.memory.bytes);
      return settledBytes();
    };
    const half = await bytesAfter(sizes.slice(0, 60));
    const end = await bytesAfter(sizes.slice(60));
    expect(end).toBeLessThan(half + (1 << 20));
    expect(most).toBeLessThan(64 << 20);
  });

  it("few pictures are decoded ahead when they are large", async () => {
    let pulled = 0;
    function* source() {
      for (let i = 0; i < 40; i++) {
        pulled++;
        yield picture(i, 512, 512); // 1 MiB of pixels
      }
    }
    let most = 0;
    const options = { size: SMALL, batchSize: 4, decodeAheadBytes: 2 << 20 };
    for await (const { index } of clip.encodeImages(source(), options)) {
      most = Math.max(most, pulled - index);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // Two batches at work or with their results here, and what fits in 2 MiB; 8 more would be decoded else.
    expect(most).toBeLessThanOrEqual(4 + 4 + 4 + 3);
  });
});

describe("Dino", () => {
  it("gives what single calls give, whatever sizes the pictures come to", async () => {
    using dino = await Dino.fromPretrained("test/golden/small-dino-p8", { device });
    const list = [64, 64, 64, 96, 96, 64].map((width, i) => picture(i, width, 64));
    const options = { size: 64, layers: [-1], attention: true } as const;
    let next = 0;
    for await (const { index, features } of dino.encodeImages(list, { ...options, batchSize: 2 })) {
      expect(index).toBe(next++);
      const alone = await dino.encodeImage(list[index] as RawImage, options);
      expect(features.grid).toEqual(alone.grid);
      expect(cosine(features.cls.data, alone.cls.data)).toBeGreaterThan(0.999999);
      expect(cosine(features.patches.data, alone.patches.data)).toBeGreaterThan(0.999999);
      expect(features.attention?.shape).toEqual(alone.attention?.shape);
      expect(features.layers?.[0]?.layer).toBe(alone.layers?.[0]?.layer);
    }
    expect(next).toBe(list.length);
  });
});
