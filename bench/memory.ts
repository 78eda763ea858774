// What long use leaves behind: GPU bytes, JavaScript's heap and the process's memory after pictures of many sizes,
// prompts in bursts, loads, and all masks of a large picture. Figures, not limits: they should stop growing.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Clip } from "../src/api/clip.ts";
import { Dino } from "../src/api/dino.ts";
import { Sam } from "../src/api/sam.ts";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { random } from "../src/device/random.ts";

/** Memory after a part of the work. */
export interface MemoryMoment {
  readonly what: string;
  /** How much was done: "50 pictures". */
  readonly done: string;
  /** Held by the engine on the device; absent where each load has a device of its own. */
  readonly gpuBytes?: number;
  /** Used by JavaScript after garbage was collected. */
  readonly heapBytes: number;
  /** Of the process (RSS). */
  readonly processBytes: number;
}

export interface MemoryOptions {
  /** A tenth of the work. */
  readonly quick: boolean;
  readonly onMoment: (moment: MemoryMoment) => void;
}

type Note = (done: string, device?: Device) => void;

const PARTS: Readonly<Record<string, (note: Note, share: number) => Promise<void>>> = {
  "pictures of as many sizes": async (note, share) => {
    using device = await openDevice();
    using dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
    for (let i = 1; i <= 100 * share; i++) {
      await dino.encodeImage(await photo(160 + 7 * i, 120 + 11 * ((i * 37) % 100)));
      if (i % (25 * share) === 0) note(`${i} pictures`, device);
    }
  },
  "predictions in bursts of 50": async (note, share) => {
    using device = await openDevice();
    using sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
    using scene = await sam.encodeImage(await photo(640, 480));
    const next = random(1);
    for (let burst = 1; burst <= 20 * share; burst++) {
      const points = Array.from({ length: 50 }, () => ({ x: next() * 640, y: next() * 480 }));
      await Promise.all(points.map((point) => scene.predict({ points: [point] })));
      if (burst % (5 * share) === 0) note(`${50 * burst} predictions`, device);
    }
  },
  "loads, each on a device of its own": async (note, share) => {
    for (let i = 1; i <= 40 * share; i++) {
      using clip = await Clip.fromPretrained("checkpoints/tiny-clip");
      await clip.encodeText("a photo of a cat");
      if (i % (10 * share) === 0) note(`${i} loads`);
    }
  },
  "all masks of 27 megapixels": async (note, share) => {
    using device = await openDevice();
    using sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
    const picture = await photo(6000, 4500);
    // The small model's own scores are lower than those of the thresholds' defaults.
    const kept = { predIouThresh: 0.5, stabilityScoreThresh: 0.5, outputMode: "coco_rle" } as const;
    for (let run = 1; run <= 3; run++) {
      const masks = await sam.generateMasks(picture, { pointsPerSide: Math.ceil(16 * share), ...kept });
      note(`run ${run}: ${masks.length} masks`, device);
    }
  },
};

/** Runs all parts, one after another in this process. */
export async function benchMemory({ quick, onMoment }: MemoryOptions): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (const [what, run] of Object.entries(PARTS)) {
    const note: Note = (done, device) => {
      collect();
      const { heapUsed, rss } = process.memoryUsage();
      const gpuBytes = device && { gpuBytes: device.memory.bytes };
      onMoment({ what, done, ...gpuBytes, heapBytes: heapUsed, processBytes: rss });
    };
    await run(note, quick ? 0.2 : 1);
  }
}

/** A photo at another size. */
async function photo(width: number, height: number) {
  const { default: sharp } = await import("sharp"); // a kit for other machines has none (scripts/gpuKit.mjs)
  const pixels = sharp("demos/photos/drawn-shapes.jpg").removeAlpha().resize(width, height, { fit: "fill" }).raw();
  return { width, height, channels: 3 as const, data: new Uint8Array(await pixels.toBuffer()) };
}
