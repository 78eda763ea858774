// What the soak runs: calls of Clip, Dino and Sam of many sizes, batches and prompts, each with one right result.
import { Clip } from "../../src/api/clip.ts";
import { Dino } from "../../src/api/dino.ts";
import { Sam } from "../../src/api/sam.ts";
import { shallow } from "./shallow.ts";

export interface Models {
  readonly clip: Clip;
  readonly dino: Dino;
  readonly sam: Sam;
}

/** A call with a result to compare. */
export interface MixedRun {
  readonly model: keyof Models;
  readonly what: string;
  run(signal?: AbortSignal): Promise<unknown>;
}

type Abort = { readonly signal?: AbortSignal };

/** The three models, each on a device of its own. */
export async function loadModels(): Promise<Models> {
  const [clip, dino, sam] = await Promise.all([
    Clip.fromPretrained(await shallow("tiny-clip")),
    Dino.fromPretrained(await shallow("tiny-dino")),
    Sam.fromPretrained(await shallow("tiny-sam")),
  ]);
  return { clip, dino, sam };
}

const SIZES = [
  [50, 40],
  [64, 64],
  [31, 90],
  [200, 120],
] as const;

const picture = ([width, height]: readonly [number, number], seed = 7) => {
  return { width, height, channels: 3 as const, data: new Uint8Array(width * height * 3).map((_, i) => i * seed) };
};

const TEXTS = ["a cat", "a photo of a ship", "two dogs and a frog on a truck", "", "an airplane"];

/** All of them. */
export function mixedRuns({ clip, dino, sam }: Models): MixedRun[] {
  const runs: MixedRun[] = [];
  const add = (model: keyof Models, what: string, run: (abort: Abort) => Promise<unknown>) => {
    runs.push({ model, what, run: (signal) => run(signal ? { signal } : {}) });
  };
  for (let count = 1; count <= TEXTS.length; count++) {
    add("clip", `${count} texts`, (abort) => clip.encodeText(TEXTS.slice(0, count), abort));
  }
  for (const [i, size] of SIZES.entries()) {
    const [one, several] = [picture(size), SIZES.slice(0, i + 1).map((some) => picture(some, 11))];
    add("clip", `a picture of ${size}`, (abort) => clip.encodeImage(one, abort));
    add("clip", `${i + 1} pictures`, (abort) => clip.encodeImage(several, abort));
    add("clip", `labels of ${size}`, (abort) => clip.classify(one, TEXTS.slice(0, 3), abort));
    add("clip", `${i + 1} pictures, kept`, async (abort) => {
      using kept = await clip.encodeImage(several, { ...abort, keepOnGpu: true });
      return await kept.read();
    });
    for (const side of [16, 32, 48]) {
      add("dino", `${size} at ${side}`, (abort) => dino.encodeImage(one, { ...abort, size: [side, 2 * side] }));
    }
    add("dino", `attention of ${size}`, (abort) => dino.encodeImage(one, { ...abort, attention: true }));
    add("dino", `${i + 1} pictures, kept`, async (abort) => {
      using kept = await dino.encodeImage(several, { ...abort, size: [32, 32], keepOnGpu: true });
      return [await kept.cls.read(), await kept.patches.read()];
    });
    const [x, y] = [size[0] / 2, size[1] / 3];
    for (const prompt of [{ points: [{ x, y }] }, { box: [1, 2, x, y] as const, multimask: false }]) {
      add("sam", `${Object.keys(prompt)} in ${size}`, async (abort) => {
        using scene = await sam.encodeImage(one, abort);
        return await scene.predict({ ...prompt, ...abort });
      });
    }
    add("sam", `many points in ${size}`, async (abort) => {
      using scene = await sam.encodeImage(one, abort);
      const prompts = [1, 2, 3].map((n) => ({ points: [{ x: x / n, y }] }));
      return await Promise.all([scene.predictBatch(prompts, abort), scene.predict({ points: [{ x, y }], ...abort })]);
    });
  }
  add("sam", "everything", (abort) => sam.generateMasks(picture(SIZES[0]), { ...abort, pointsPerSide: 2 }));
  return runs;
}
