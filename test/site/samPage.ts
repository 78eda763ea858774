// Put into a page of the site by its tests: the library without a worker, asked directly and in the same browser, and
// what the page saved.

import type { PredictOptions } from "../../src/api/samScene.ts";
import type { GenerateMasksOptions } from "../../src/index.ts";
import { encodeRle, Sam, type SamPrompt } from "../../src/index.ts";

const MODEL = new URL("models/tiny-sam", location.href);

/** Loaded once a page. */
let loading: Promise<Sam> | undefined;

type Asked = SamPrompt & PredictOptions;

/** What a test can ask. */
export interface SamPage {
  /** Run lengths and scores of each prompt's masks. A prompt may refine the best mask of the one before it. */
  predict(photo: string, prompts: readonly (Asked & { readonly refines?: boolean })[]): Promise<Answer[][]>;
  everything(photo: string, options: GenerateMasksOptions<"coco_rle">): Promise<string[]>;
}

interface Answer {
  readonly counts: readonly number[];
  readonly score: number;
}

const samPage: SamPage = {
  async predict(photo, prompts) {
    const sam = await (loading ??= Sam.fromPretrained(MODEL));
    using scene = await sam.encodeImage(photo);
    const answers: Answer[][] = [];
    let last: Float32Array | undefined;
    for (const { refines, ...prompt } of prompts) {
      const masks = await scene.predict({ ...prompt, ...(refines && last && { maskInput: last }) });
      last = [...masks].sort((a, b) => b.score - a.score)[0]?.lowResLogits;
      answers.push(
        masks.map(({ mask, width, height, score }) => ({
          counts: encodeRle({ width, height, data: mask }).counts,
          score,
        })),
      );
    }
    return answers;
  },
  async everything(photo, options) {
    const sam = await (loading ??= Sam.fromPretrained(MODEL));
    const records = await sam.generateMasks(photo, { ...options, outputMode: "coco_rle" });
    return records.map(({ segmentation }) => segmentation.counts);
  },
};

Object.assign(globalThis, { samPage });
