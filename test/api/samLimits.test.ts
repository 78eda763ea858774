// Masks beyond what a device binds at once are made in parts, and are those of a device that binds them whole; what has
// to be whole says what helps.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import { LimitError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import type { RawImage } from "../../src/io/image/image.ts";

/** Enough for the decoder on 8 prompts, less than the logits of one mask of the picture. */
const MOST = 2 << 20;

function picture(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) data.set([(i % width) / 8, i / width / 8, 90, 255], 4 * i);
  return { width, height, channels: 4, data };
}

const boxes = Array.from({ length: 5 }, (_, i) => [20 * i, 9, 600, 500] as const);

let sam: Sam;
beforeAll(async () => {
  // What any adapter has: no feature, and limits that none may be below.
  sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device: await openDevice({ defaultLimits: true }) });
});
afterAll(async () => {
  const device = await sam.device();
  sam.dispose();
  device.destroy();
});

/** What `work` gives, on a device that binds only so much. */
async function within<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  const most = vi.spyOn(await sam.device(), "mostBytes", "get").mockReturnValue(bytes);
  try {
    return await work();
  } finally {
    most.mockRestore();
  }
}

it.each([
  ["logits of several boxes, in rows", [800, 700], { boxes, returnLogits: true }],
  ["logits of one mask, in rows", [800, 701], { boxes: [boxes[0]], returnLogits: true, multimask: false }],
  ["masks of several boxes", [800, 702], { boxes }],
  ["masks of one box, in rows", [2800, 2103], { boxes: boxes.slice(0, 1) }],
] as const)("%s", async (_, [width, height], prompt) => {
  using scene = await sam.encodeImage(picture(width, height));
  const whole = await scene.predict(prompt as { boxes: typeof boxes });
  const inParts = await within(MOST, () => scene.predict(prompt as { boxes: typeof boxes }));
  expect(inParts.length).toBe(whole.length);
  for (const [i, masks] of inParts.entries()) {
    for (const [m, mask] of masks.entries()) {
      const expected = whole[i]?.[m];
      expect(Buffer.from(mask.mask).equals(Buffer.from(expected?.mask ?? []))).toBe(true);
      const bytes = (logits: Float32Array | undefined) => Buffer.from(logits?.buffer ?? new ArrayBuffer(0));
      expect(bytes(mask.logits).equals(bytes(expected?.logits))).toBe(true);
      expect(mask.logits === undefined).toBe(!("returnLogits" in prompt));
    }
  }
});

it("what stays on the GPU is whole, or says what helps", async () => {
  using scene = await sam.encodeImage(picture(800, 600));
  const keep = (multimask: boolean) => scene.predict({ box: boxes[0] ?? [0, 0, 9, 9], multimask, keepOnGpu: true });
  const refused = await within(MOST, () => keep(true).catch((error: unknown) => error));
  expect(refused).toBeInstanceOf(LimitError);
  expect((refused as Error).message).toMatch(/multimask: false.*leave keepOnGpu out/);
  expect((refused as Error).message).not.toContain("f16");
  using kept = await within(MOST, () => keep(false));
  expect(kept.logits.shape).toEqual([1, 600, 800]);
});

it("a picture beyond that is brought to the encoder in bands, and gives what it gives whole", async () => {
  const large = picture(1100, 901);
  const prompt = { points: [{ x: 400, y: 300 }], multimask: false };
  using whole = await sam.encodeImage(large);
  using inBands = await within(MOST, () => sam.encodeImage(large));
  const [[expected], [got]] = [await whole.predict(prompt), await inBands.predict(prompt)];
  expect(got?.lowResLogits).toEqual(expected?.lowResLogits);
});
