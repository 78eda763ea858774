// Many prompts of SAM in one call against as many calls: the decoder at its real size with seeded weights, on a picture
// that MobileSAM's small encoder has encoded. The masks must be the same.
import { readFileSync } from "node:fs";
import { Sam } from "../src/api/sam.ts";
import type { SamPrompt } from "../src/api/samPrompts.ts";
import type { SamMask, SamScene } from "../src/api/samScene.ts";
import type { Device } from "../src/device/device.ts";
import { type Spread, spread } from "../src/verify/measure.ts";
import { random } from "../src/verify/suite.ts";
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
}

const NONE = new Float32Array();
const [COUNT, WIDTH, HEIGHT] = [64, 640, 480];

export async function benchPrompts({ device, rounds, onProgress }: PromptsOptions): Promise<PromptsResult> {
  const path = await seededCheckpoint("mobile-sam", manifestOf("mobile-sam"));
  onProgress("prompts: encoding a picture");
  const file = new File([readFileSync(path)], "model.safetensors");
  using sam = await Sam.fromPretrained([file], { device });
  const noise = random(1);
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, () => 256 * noise());
  using scene = await sam.encodeImage({ width: WIDTH, height: HEIGHT, channels: 3, data });
  const [together, apart]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    onProgress(`prompts: round ${round} of ${rounds}`);
    const masks = await playRound(scene, pointsOf(round + 2), round, { together, apart });
    checkSame(masks.together, masks.apart);
  }
  // The first round warmed up.
  const [one, many] = [spread(together.slice(1)), spread(apart.slice(1))];
  const what = `SAM decoder, ${COUNT} points in one call against ${COUNT} calls`;
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
