// Every call of WebGPU that can fail fails once, while a model loads and while it runs: nothing hangs, every error is
// one of ours, a call beside it is right or told the same, the next call is right, and nothing stays on the GPU. Of the
// points, which are some thousand, one of each kind is tried, with Dino; TRUST=all tries all.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { create } from "webgpu";
import { Clip, Dino, Sam, VisionError } from "../../src/index.ts";
import { VideoSegmenter } from "../../src/video.ts";
import { type Call, FAULTS, type Fault, FaultyGpu } from "./faultyGpu.ts";
import { shallow } from "./shallow.ts";

/** A model, and two calls whose results are compared. */
interface Subject {
  load(): Promise<{ first(): Promise<ArrayLike<number>>; second(): Promise<ArrayLike<number>>; dispose(): void }>;
}

const picture = (width: number, height: number) => {
  return { width, height, channels: 3 as const, data: new Uint8Array(width * height * 3).map((_, i) => i * 7) };
};

const SUBJECTS: Readonly<Record<string, Subject>> = {
  Clip: {
    load: async () => {
      const clip = await Clip.fromPretrained(await shallow("tiny-clip"));
      return {
        first: async () => (await clip.encodeText(["a cat", "a photo of a ship"])).data,
        second: async () => (await clip.encodeImage(picture(50, 40))).data,
        dispose: () => clip.dispose(),
      };
    },
  },
  Dino: {
    load: async () => {
      const dino = await Dino.fromPretrained(await shallow("tiny-dino"));
      return {
        first: async () => (await dino.encodeImage(picture(50, 40), { size: [32, 48] })).patches.data,
        second: async () => {
          using kept = await dino.encodeImage(picture(64, 40), { size: [32, 32], keepOnGpu: true });
          return (await kept.cls.read()).data;
        },
        dispose: () => dino.dispose(),
      };
    },
  },
  Sam: {
    load: async () => {
      const sam = await Sam.fromPretrained("test/golden/small-sam-whole-windows");
      const masks = async (x: number, width: number) => {
        using scene = await sam.encodeImage(picture(width, 40));
        const [mask] = await scene.predict({ points: [{ x, y: 10 }] });
        return mask?.lowResLogits ?? [];
      };
      return { first: () => masks(10, 50), second: () => masks(20, 60), dispose: () => sam.dispose() };
    },
  },
  VideoSegmenter: {
    load: async () => {
      const segmenter = await VideoSegmenter.fromPretrained("test/golden/small-edgetam");
      return {
        first: () => tracked(segmenter, 10, 50),
        second: () => tracked(segmenter, 20, 60),
        dispose: () => segmenter.dispose(),
      };
    },
  },
};

/** Two frames of a video, the object shown in the first of them. */
async function tracked(segmenter: VideoSegmenter, x: number, width: number): Promise<ArrayLike<number>> {
  using video = await segmenter.open([picture(width, 40), picture(width, 40)]);
  await video.addPrompt(0, "object", { points: [{ x, y: 10 }] });
  const { value } = await video.propagate({ from: 1, returnLogits: true }).next();
  return value?.masks.get("object")?.lowResLogits ?? [];
}

const TRIES_ALL = process.env.TRUST === "all";
const MOST_POINTS = TRIES_ALL ? Number(process.env.TRUST_POINTS ?? Number.POSITIVE_INFINITY) : 1;
/** Of loads that failed at neighbouring points, one in so many is followed by another load, which takes most time. */
const LOADS_UNTIL_NEXT = Number.isFinite(MOST_POINTS) ? 1 : 8;
const HANGS_AFTER_MS = 60_000;
/** Of all points of a model: hours. */
const TIMEOUT = 6 * 3_600_000;

let faulty: FaultyGpu;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);

beforeAll(() => {
  faulty = new FaultyGpu(create([]));
  vi.stubGlobal("navigator", { gpu: faulty.gpu });
  process.on("unhandledRejection", onUnhandled);
});
afterEach(() => {
  expect(unhandled.splice(0)).toEqual([]);
});
afterAll(() => {
  vi.unstubAllGlobals();
  process.off("unhandledRejection", onUnhandled);
});

/** What a promise comes to; an error that is not ours, and one that never comes, fail the test. */
async function ended<T>(what: string, promise: Promise<T>): Promise<T | VisionError> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), HANGS_AFTER_MS);
  });
  try {
    return await Promise.race([promise, hang]);
  } catch (error) {
    if (error instanceof VisionError) return error;
    throw new Error(`${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Points of a number: all, or some that are spread evenly, of which one would be in the midst. */
function pointsOf(count: number): number[] {
  const most = Math.min(count, MOST_POINTS);
  return Array.from({ length: most }, (_, i) => Math.floor(((i + 0.5) * count) / most));
}

const tried = Object.entries(SUBJECTS).filter(([name]) => TRIES_ALL || name === "Dino");
describe.each(tried)("%s", (name, subject) => {
  let expected: readonly (readonly number[])[];
  /** Calls of WebGPU by a load, by the first call, by one beside another that has run, by two that have run. */
  let counts: Readonly<Record<"load" | "new" | "first" | "again", ReadonlyMap<Call, number>>>;

  beforeAll(async () => {
    faulty.reset();
    const counted = async <T>(run: () => Promise<T>) => {
      faulty.arm();
      return { result: await run(), counts: new Map(faulty.counts) };
    };
    const fresh = await subject.load();
    const firstCall = await counted(() => fresh.first());
    fresh.dispose();
    const { result: model, counts: load } = await counted(() => subject.load());
    const second = await model.second();
    const { result, counts: first } = await counted(() => Promise.all([model.first(), model.second()]));
    const again = await counted(() => Promise.all([model.first(), model.second()]));
    expected = [Array.from(result[0]), Array.from(second)];
    counts = { load, new: firstCall.counts, first, again: again.counts };
    model.dispose();
    expect([faulty.buffers, faulty.devices]).toEqual([0, 0]);
  });

  const cases = Object.entries(FAULTS).flatMap(([call, kinds]) => kinds.map((kind) => [call as Call, kind] as const));

  /** Of each kind of test: calls that gave what they should, and that rejected with an error of ours. */
  const stages = new Map<string, { right: number; told: number; longestMs: number }>();
  let ends = { right: 0, told: 0, longestMs: 0 };
  const begin = (stage: string) => {
    ends = stages.get(stage) ?? { right: 0, told: 0, longestMs: 0 };
    stages.set(stage, ends);
  };
  afterAll(() => {
    const where = Number.isFinite(MOST_POINTS) ? `at most ${MOST_POINTS} points of each kind` : "every point";
    for (const [stage, { right, told, longestMs }] of stages) {
      const longest = longestMs > 0 ? `, ${longestMs.toFixed(0)} ms at most` : "";
      console.log(`WebGPU's calls, ${name} ${stage}: ${right} right, ${told} told${longest}; ${where}`);
    }
  });

  // A loss is the same wherever it comes, and what follows takes most time: CI has it once of each kind of test.
  const some = cases.filter(([call, kind]) => TRIES_ALL || kind !== "lost" || call === "submit");

  it.each(some)("while it loads: %s, %s", { timeout: TIMEOUT }, async (call, kind) => {
    begin("while it loads");
    for (const [i, at] of pointsOf(counts.load.get(call) ?? 0).entries()) {
      const what = `${call} ${at}, ${kind}`;
      faulty.reset();
      faulty.arm({ call, at, kind });
      const loaded = await ended(what, subject.load());
      faulty.arm();
      const isLeft = loaded instanceof VisionError;
      ends[isLeft ? "told" : "right"]++;
      if (isLeft) expect.soft([faulty.buffers, faulty.devices], `${what}: left`).toEqual([0, 0]);
      if (isLeft && i % LOADS_UNTIL_NEXT) continue;
      const model = isLeft ? await subject.load() : loaded;
      await isRight(what, model);
      model.dispose();
      expect.soft([faulty.buffers, faulty.devices], `${what}: left in the end`).toEqual([0, 0]);
    }
  });

  // What is made for a first call is made once: each point has a model of its own.
  it.each(some)("while the first call runs: %s, %s", { timeout: TIMEOUT }, async (call, kind) => {
    begin("while its first call runs");
    for (const [i, at] of pointsOf(counts.new.get(call) ?? 0).entries()) {
      const model = await freshModel();
      await failsOnce({ call, at, kind }, model, [0]);
      if (i % LOADS_UNTIL_NEXT === 0) await isRight(`${call} ${at}, ${kind}`, model, [1]);
      end(`${call} ${at}, ${kind}`, model);
    }
  });

  it.each(some)("while a first call runs beside another: %s, %s", { timeout: TIMEOUT }, async (call, kind) => {
    begin("while a first call runs beside another");
    for (const at of pointsOf(counts.first.get(call) ?? 0)) {
      const model = await freshModel();
      await model.second();
      await failsOnce({ call, at, kind }, model);
      end(`${call} ${at}, ${kind}`, model);
    }
  });

  it("while calls run again", { timeout: TIMEOUT }, async () => {
    begin("while calls run again");
    const model = await freshModel();
    await Promise.all([model.first(), model.second()]);
    for (const [call, kind] of cases) {
      for (const at of pointsOf(counts.again.get(call) ?? 0)) await failsOnce({ call, at, kind }, model);
    }
    end("all", model);
  });

  type Model = Awaited<ReturnType<Subject["load"]>>;

  async function freshModel(): Promise<Model> {
    faulty.reset();
    faulty.arm();
    return subject.load();
  }

  function end(what: string, model: Model): void {
    model.dispose();
    expect.soft([faulty.buffers, faulty.devices], `${what}: left in the end`).toEqual([0, 0]);
  }

  const calling = (model: Model, index: number) => (index === 0 ? model.first() : model.second());

  /** Calls of which one meets the fault; then all are right. */
  async function failsOnce(fault: Fault, model: Model, calls: readonly number[] = [0, 1]): Promise<void> {
    const what = `${fault.call} ${fault.at}, ${fault.kind}`;
    faulty.arm(fault);
    await Promise.all(calls.map((index) => agrees(what, calling(model, index), index)));
    expect.soft(faulty.hasFailed, `${what}: it came`).toBe(true);
    faulty.arm();
    await isRight(what, model, calls);
  }

  /** Whether a call gives what it should, in place of an error of ours. */
  async function agrees(what: string, call: Promise<ArrayLike<number>>, index: number): Promise<boolean> {
    const began = performance.now();
    const result = await ended(what, call);
    ends.longestMs = Math.max(ends.longestMs, performance.now() - began);
    ends[result instanceof VisionError ? "told" : "right"]++;
    if (result instanceof VisionError) return false;
    expect(Array.from(result), what).toEqual(expected[index]);
    return true;
  }

  async function isRight(what: string, model: Model, calls: readonly number[] = [0, 1]): Promise<void> {
    for (const index of calls) {
      const result = await ended(what, calling(model, index));
      expect(result instanceof VisionError ? result : Array.from(result), `${what}: the next call`).toEqual(
        expected[index],
      );
    }
  }
});
