// `track` as a user meets it: what it writes and prints is what the library gives, and wrong usage is refused before a
// model is loaded.
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import { type CocoRle, fromCocoRle } from "../../src/masks/cocoRle.ts";
import { decodeRle } from "../../src/masks/rle.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "./runCli.ts";

const MODEL = "test/golden/small-sam2-video";
const SIZE = { width: 60, height: 40 };
let folder: string;
let frames: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-track-"));
  frames = [0, 1, 2].map((i) => join(folder, "frames", `frame-${i}.png`));
  await mkdir(join(folder, "frames"));
  for (const [i, path] of frames.entries()) {
    await sharp("demos/photos/astronaut.png")
      .extract({ left: 150 + 9 * i, top: 20, ...SIZE })
      .removeAlpha()
      .toFile(path);
  }
});
afterAll(() => rm(folder, { recursive: true }));

it("writes and prints what VideoSegmenter gives, of frames before and after the prompted one", async () => {
  const out = join(folder, "out");
  const prompts = ["--box", "5,5,30,35", "--box", "20,10,55,30", "--frame", "1"];
  const { code, stdout, stderr } = await runCli([
    ...["track", join(folder, "frames"), ...prompts, "--model", MODEL, "--out", out, "--overlay", "--json", "--quiet"],
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { results, files } = JSON.parse(stdout);
  expect(results.map(({ frame }: { frame: number }) => frame)).toEqual([0, 1, 2]);
  expect(files).toHaveLength(3 * 3);
  expect((await readdir(out)).sort()).toEqual(["1", "2", "overlay"]);
  using segmenter = await VideoSegmenter.fromPretrained(MODEL, { device: await testDevice() });
  using video = await segmenter.open(frames);
  await video.addPrompt(1, "1", { box: [5, 5, 30, 35] });
  await video.addPrompt(1, "2", { box: [20, 10, 55, 30] });
  for (const direction of ["forward", "backward"] as const) {
    for await (const { frame, masks } of video.propagate({ from: 1, direction })) {
      for (const { object, segmentation, score } of results[frame].masks as TrackedJson[]) {
        const mask = masks.get(object);
        expect(decodeRle(fromCocoRle(segmentation)).data, `${frame} ${object}`).toEqual(mask?.mask);
        expect(score).toBeCloseTo(mask?.score ?? Number.NaN, 4);
        const png = await sharp(join(out, object, `frame-${frame}.png`))
          .toColourspace("b-w")
          .raw()
          .toBuffer();
        expect(Uint8Array.from(png, (value) => value / 255)).toEqual(mask?.mask);
      }
    }
  }
  const again = await runCli(["track", ...frames, ...prompts, "--model", MODEL, "--out", out]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("is there already");
});

interface TrackedJson {
  readonly object: string;
  readonly score: number;
  readonly segmentation: CocoRle;
}

it.each([
  [["frame.png"], /nothing says what to track/],
  [["frame.png", "--box", "1,2,3,4", "--box", "1,2,3,4", "--point", "1,2"], /several --box are several objects/],
  [["frame.png", "--point", "1,2", "--overlay"], /give --out FOLDER/],
  [["frame.png", "--point", "1,2", "--out", "mask.png"], /is a picture, expected a folder/],
])("refuses %j", async (args, message) => {
  const { code, stderr } = await runCli(["track", ...args, "--model", MODEL]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

it("names what is missing: a frame, a file", async () => {
  const told = async (...args: string[]) => {
    const { code, stderr } = await runCli(["track", ...args]);
    return `${code} ${stderr}`;
  };
  expect(await told(...frames, "--point", "1,2", "--frame", "3", "--model", MODEL)).toMatch(/^2 .*has 3 frames/);
  expect(await told("no.png", "--point", "1,2", "--model", MODEL)).toMatch(/^1 .*no\.png/);
  expect(await told(...frames, "--point", "100,2", "--model", MODEL)).toMatch(/^2 .*lies outside the picture/);
});

it("takes the model that ships where none is named, and says what it knows", async () => {
  const { code, stdout, stderr } = await runCli(["track", ...frames, "--point", "30,20", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ model: "tiny-sam2", results: [{ frame: 0 }, { frame: 1 }, { frame: 2 }] });
  expect(stderr).toContain("tiny-sam2 answers");
});
