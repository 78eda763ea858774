// Long use: runs of three models at once, of many sizes and batches, some aborted at random, with a device that is lost
// at every 500th. Every result is that of a serial run to the last bit, and GPU bytes, heap and process do not grow.
// CI tries a few hundred; TRUST=all tries 20,000, or as many as TRUST_RUNS says.
import { setTimeout as later } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, vi } from "vitest";
import { DeviceLostError } from "../../src/device/errors.ts";
import { random } from "../../src/device/random.ts";
import { loadModels, type MixedRun, type Models, mixedRuns } from "./mixedRuns.ts";

const IS_LONG = process.env.TRUST === "all";
const RUNS = Number(process.env.TRUST_RUNS ?? (IS_LONG ? 20_000 : 200));
const RUNS_UNTIL_LOSS = IS_LONG ? 500 : 80;
const RUNS_UNTIL_LOOK = IS_LONG ? 1000 : 100;
/** Runs at once. */
const LANES = 3;
const SHARE_ABORTED = 0.15;
/** Of the kinds of runs, those that are taken: each has plans to compile. */
const STRIDE = IS_LONG ? 1 : 5;

setFlagsFromString("--expose_gc");
const collect: () => void = runInNewContext("gc");

/** What is held at one moment when nothing runs, in bytes. */
interface Look {
  readonly gpu: number;
  readonly heap: number;
  readonly process: number;
}

class Soak {
  readonly counts = { right: 0, aborted: 0, lost: 0 };
  readonly faults: string[] = [];
  longestMs = 0;
  readonly #models: Models;
  readonly #runs: readonly MixedRun[];
  readonly #expected: readonly unknown[];
  readonly #draw = random(19);
  /** Losses of each model that began, and that its device has told. */
  readonly #begun = { clip: 0, dino: 0, sam: 0 };
  readonly #told = { clip: 0, dino: 0, sam: 0 };

  private constructor(models: Models, runs: readonly MixedRun[], expected: readonly unknown[]) {
    this.#models = models;
    this.#runs = runs;
    this.#expected = expected;
  }

  /** Runs each once, one after the other: what the others must give. */
  static async of(models: Models): Promise<Soak> {
    const runs = mixedRuns(models).filter((_, i) => i % STRIDE === 0);
    const expected: unknown[] = [];
    for (const { run } of runs) expected.push(await run());
    return new Soak(models, runs, expected);
  }

  get losses(): number {
    return Object.values(this.#told).reduce((sum, count) => sum + count, 0);
  }

  /** So many runs, a few at once; a device is lost at every so manieth. */
  async mixed(count: number): Promise<void> {
    let left = count;
    const lane = async () => {
      while (left-- > 0) {
        const isLoss = left % RUNS_UNTIL_LOSS === RUNS_UNTIL_LOSS >> 1;
        await Promise.all([this.#one(), isLoss && this.#lose()]);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** What is held once all that was aborted has come to its end: nothing but weights and plans. */
  async look(): Promise<Look> {
    let gpu = 0;
    for (const model of Object.values(this.#models)) {
      const zeros = 16; // what is bound for an absent input
      const held = async () => {
        const { deviceBytes, weightBytes, planBytes } = await model.health();
        return { deviceBytes, others: deviceBytes - weightBytes - planBytes };
      };
      await vi.waitFor(async () => expect((await held()).others).toBeLessThanOrEqual(zeros), 10_000);
      gpu += (await held()).deviceBytes;
    }
    for (let i = 0; i < 3; i++) {
      await later(20);
      collect();
    }
    const { heapUsed, rss } = process.memoryUsage();
    return { gpu, heap: heapUsed, process: rss };
  }

  async #one(): Promise<void> {
    const which = Math.floor(this.#draw() * this.#runs.length);
    const { model, what, run } = this.#runs[which] as MixedRun;
    const stop = new AbortController();
    const abortsAfterMs = this.#draw() < SHARE_ABORTED ? this.#draw() * 20 : undefined;
    if (abortsAfterMs !== undefined) setTimeout(() => stop.abort(new Error("enough")), abortsAfterMs);
    const toldBefore = this.#told[model];
    const began = performance.now();
    try {
      const result = await run(stop.signal);
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
      if (!isDeepStrictEqual(result, this.#expected[which])) this.faults.push(`${model}, ${what}: another result`);
      this.counts.right++;
    } catch (error) {
      if (stop.signal.aborted && error === stop.signal.reason) this.counts.aborted++;
      else if (error instanceof DeviceLostError && this.#begun[model] > toldBefore) this.counts.lost++;
      else this.faults.push(`${model}, ${what}: ${error}`);
    }
  }

  /** Takes the device of one of the models away, whatever it is doing. */
  async #lose(): Promise<void> {
    const names = Object.keys(this.#models) as (keyof Models)[];
    const name = names[Math.floor(this.#draw() * names.length)] as keyof Models;
    const { gpu } = await this.#models[name].device();
    this.#begun[name]++;
    gpu.destroy();
    await gpu.lost;
    this.#told[name]++;
  }
}

/** The middle one of some moments. */
function median(looks: readonly Look[], of: keyof Look): number {
  return looks.map((look) => look[of]).sort((a, b) => a - b)[looks.length >> 1] as number;
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

it(`${RUNS} mixed runs`, { timeout: 6 * 3_600_000 }, async () => {
  const models = await loadModels();
  const soak = await Soak.of(models);
  const looks: Look[] = [];
  for (let done = 0; done < RUNS; done += RUNS_UNTIL_LOOK) {
    await soak.mixed(Math.min(RUNS_UNTIL_LOOK, RUNS - done));
    expect(soak.faults).toEqual([]);
    const look = await soak.look();
    looks.push(look);
    const held = `GPU ${mib(look.gpu)}, heap ${mib(look.heap)}, process ${mib(look.process)}`;
    console.log(`after ${done + RUNS_UNTIL_LOOK} runs: ${held}`);
  }
  for (const model of Object.values(models)) model.dispose();
  const { right, aborted, lost } = soak.counts;
  const ends = `${right} right, ${aborted + lost} told, ${soak.longestMs.toFixed(0)} ms at most`;
  console.log(`mixed runs: ${ends}; ${soak.losses} devices were lost`);
  expect(soak.losses).toBeGreaterThan(0);
  expect(aborted).toBeGreaterThan(0);
  if (!IS_LONG) return;
  const [early, late] = [looks.slice(looks.length >> 2, looks.length >> 1), looks.slice(-(looks.length >> 2))];
  for (const of of ["gpu", "heap", "process"] as const) {
    expect(median(late, of) / median(early, of), of).toBeLessThan(1.1);
  }
});
