// Many prompts of SAM in one call against as many calls. The decoder of real size has seeded weights, and MobileSAM's
// small encoder before it, which is otherwise the same. The masks must be the same.
import { readFileSync } from "node:fs";
import { Sam } from "../src/api/sam.ts";
import type { SamMask, SamScene } from "../src/api/samScene.ts";
import type { Device } from "../src/device/device.ts";
import { random } from "../src/device/random.ts";
import type { SourceLike } from "../src/io/source/source.ts";
import type { SamPrompt } from "../src/models/sam/prompts.ts";
import { type Spread, spread } from "../src/verify/timing/measure.ts";
import { differenceOf, TOLERANCE } from "./contest.ts";
import { manifestOf, seededCheckpoint } from "./peerFiles.ts";

export interface PromptsResult {
  readonly what: string;
  /** All prompts in one call. */
  readonly together: Spread;
  /** A call for each, one after another. */
  readonly apart: Spread;
  /** The first median over the second. */
  readonly ratio: number;
}

export interface PromptsOptions {
  readonly device: Device;
  readonly rounds: number;
  readonly onProgress: (text: string) => void;
  readonly onResult: (result: PromptsResult) => void;
}

const NONE = new Float32Array();
const [COUNT, WIDTH, HEIGHT] = [64, 640, 480];

/** The trained small model, of which a call is mostly overhead, and the decoder of real size, which computes. */
const MODELS: Readonly<Record<string, () => Promise<SourceLike>>> = {
  "tiny-sam": async () => "./checkpoints/tiny-sam",
  "SAM B's decoder": async () => {
    const path = await seededCheckpoint("mobile-sam", manifestOf("mobile-sam"));
    return [new File([readFileSync(path)], "model.safetensors")];
  },
};

export async function benchPrompts(options: PromptsOptions): Promise<void> {
  for (const [name, source] of Object.entries(MODELS)) {
    options.onResult(await benchModel(name, await source(), options));
  }
}

async function benchModel(name: string, source: SourceLike, { device, rounds, onProgress }: PromptsOptions) {
  onProgress(`${name}: encoding a picture`);
  using sam = await Sam.fromPretrained(source, { device });
  const noise = random(1);
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, () => 256 * noise());
  using scene = await sam.encodeImage({ width: WIDTH, height: HEIGHT, channels: 3, data });
  const [together, apart]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    onProgress(`${name}: round ${round} of ${rounds}`);
    const masks = await playRound(scene, pointsOf(round + 2), round, { together, apart });
    checkSame(masks.together, masks.apart);
  }
  // The first round warmed up.
  const [one, many] = [spread(together.slice(1)), spread(apart.slice(1))];
  const what = `${name}, ${COUNT} points in one call against ${COUNT} calls`;
  return { what, together: one, apart: many, ratio: one.median / many.median };
}

const SIDES = {
  together: (scene: SamScene, points: readonly SamPrompt[]) => scene.predictBatch(points),
  apart: async (scene: SamScene, points: readonly SamPrompt[]) => {
    const masks: SamMask[][] = [];
    for (const point of points) masks.push(await scene.predict(point));
    return masks;
  },
} as const;

type Side = keyof typeof SIDES;

/** Both sides on the same points, the order changing from round to round. */
async function playRound(
  scene: SamScene,
  points: readonly SamPrompt[],
  round: number,
  ms: Readonly<Record<Side, number[]>>,
): Promise<Record<Side, SamMask[][]>> {
  const masks: Record<Side, SamMask[][]> = { together: [], apart: [] };
  for (const side of round % 2 ? (["together", "apart"] as const) : (["apart", "together"] as const)) {
    const start = performance.now();
    masks[side] = await SIDES[side](scene, points);
    ms[side].push(performance.now() - start);
  }
  return masks;
}

function pointsOf(seed: number): SamPrompt[] {
  const next = random(seed);
  return Array.from({ length: COUNT }, () => ({ points: [{ x: next() * WIDTH, y: next() * HEIGHT }] }));
}

function checkSame(together: readonly SamMask[][], apart: readonly SamMask[][]): void {
  for (const [i, masks] of together.entries()) {
    const worst = Math.max(
      ...masks.map((mask, m) => differenceOf(mask.lowResLogits, apart[i]?.[m]?.lowResLogits ?? NONE)),
    );
    if (!(worst <= TOLERANCE)) throw new Error(`prompts: masks of point ${i} differ by ${worst} of the largest logit`);
  }
}
