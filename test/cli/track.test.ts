// `track` as a user meets it: what it writes and prints is what the library gives, and wrong usage is refused before a
// model is loaded.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { VideoSegmenter } from "../../src/api/videoSegmenter.ts";
import type { CocoDataset } from "../../src/masks/cocoDataset.ts";
import { type CocoRle, fromCocoRle } from "../../src/masks/cocoRle.ts";
import { decodeRle } from "../../src/masks/rle.ts";
import { testDevice } from "../adapters.ts";
import { type StandIn, standInFfmpeg } from "../io/standInFfmpeg.ts";
import { runCli, runCliProcess } from "./runCli.ts";

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
  expect(results.map(({ frame }: { frame: number }) => frame)).toEqual([1, 2, 0]);
  expect(files).toEqual([join(out, "masks.json")]);
  const names = ["1", "2", "palette", "overlay"].map((name) => join(out, name, "frame-2.png"));
  expect(results[1].files).toEqual(names);
  expect((await readdir(out)).sort()).toEqual(["1", "2", "masks.json", "overlay", "palette"]);
  const coco: CocoDataset = JSON.parse(await readFile(join(out, "masks.json"), "utf8"));
  using segmenter = await VideoSegmenter.fromPretrained(MODEL, { device: await testDevice() });
  using video = await segmenter.open(frames);
  await video.addPrompt(1, "1", { box: [5, 5, 30, 35] });
  await video.addPrompt(1, "2", { box: [20, 10, 55, 30] });
  for await (const { frame, masks } of video.propagate({ from: 1, direction: "both", returnLogits: true })) {
    const row = results.find((result: { frame: number }) => result.frame === frame);
    expect(row.image).toBe(frames[frame]);
    for (const { object, segmentation, score } of row.masks as TrackedJson[]) {
      const mask = masks.get(object);
      expect(decodeRle(fromCocoRle(segmentation)).data, `${frame} ${object}`).toEqual(mask?.mask);
      expect(score).toBeCloseTo(mask?.score ?? Number.NaN, 4);
      expect((await greyOf(join(out, object, `frame-${frame}.png`))).map((value) => value / 255)).toEqual(mask?.mask);
      expect(cocoMask(coco, frame, object)).toEqual(mask?.mask);
    }
    // A pixel of one object has its number, and no pixel has that of an object that has not got it.
    const palette = await sharp(join(out, "palette", `frame-${frame}.png`))
      .removeAlpha()
      .raw()
      .toBuffer();
    const both = ["1", "2"].map((name) => masks.get(name)?.mask as Uint8Array);
    for (let i = 0; i < SIZE.width * SIZE.height; i++) {
      const number = [0, 128].indexOf(palette[3 * i] as number) + 2 * [0, 128].indexOf(palette[3 * i + 1] as number);
      const of = [0, 1].filter((object) => both[object]?.[i] === 1).map((object) => object + 1);
      expect(of.length === 0 ? [0] : of).toContain(number);
    }
  }
  const again = await runCli(["track", ...frames, ...prompts, "--model", MODEL, "--out", out]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("is there already");
});

async function greyOf(path: string): Promise<Uint8Array> {
  return Uint8Array.from(await sharp(path).toColourspace("b-w").raw().toBuffer());
}

/** An object's mask in a COCO file; empty where it has no annotation. */
function cocoMask({ images, annotations, categories }: CocoDataset, frame: number, object: string): Uint8Array {
  const image = images.find(({ frame_id }) => frame_id === frame);
  const category = categories.find(({ name }) => name === object);
  const of = annotations.filter(({ image_id, category_id }) => image_id === image?.id && category_id === category?.id);
  const [annotation] = of;
  expect(of.length).toBeLessThan(2);
  if (!annotation) return new Uint8Array(SIZE.width * SIZE.height);
  return decodeRle(fromCocoRle(annotation.segmentation as CocoRle)).data;
}

interface TrackedJson {
  readonly object: string;
  readonly score: number;
  readonly segmentation: CocoRle;
}

it.each([
  [["frame.png"], /nothing says what to track/],
  [["frame.png", "--box", "1,2,3,4", "--box", "1,2,3,4", "--point", "1,2"], /several --box are several objects/],
  [["frame.png", "--point", "1,2", "--overlay"], /give --out FOLDER/],
  [["frame.png", "--point", "1,2", "--mp4"], /give --out FOLDER/],
  [["film.mp4", "frame.png", "--point", "1,2"], /film\.mp4 is a video: give it alone/],
  [["https://example.com/film.mp4", "--point", "1,2"], /is no file: download it first/],
  [["frame.png", "--object", "../up", "--point", "1,2"], /An object's name is that of its folder/],
  [["frame.png", "--point", "1,2", "--out", "mask.png"], /is a picture, expected a folder/],
])("refuses %j", async (args, message) => {
  const { code, stderr } = await runCli(["track", ...args, "--model", MODEL]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

it("names objects, and has points in several frames and outside", async () => {
  const shown = [
    "--object",
    "ship",
    "--point",
    "15,20",
    "--point",
    "50,35,0,0",
    "--point",
    "18,20,2",
    "--object",
    "hat",
  ];
  const { code, stdout } = await runCli([
    "track",
    ...frames,
    ...shown,
    "--box",
    "20,10,55,30,1",
    "--model",
    MODEL,
    "--json",
  ]);
  expect(code).toBe(0);
  const { results } = JSON.parse(stdout);
  using segmenter = await VideoSegmenter.fromPretrained(MODEL, { device: await testDevice() });
  using video = await segmenter.open(frames);
  const outside = { x: 50, y: 35, label: 0 } as const;
  await video.addPrompt(0, "ship", { points: [{ x: 15, y: 20 }, outside] });
  await video.addPrompt(1, "hat", { box: [20, 10, 55, 30] });
  await video.addPrompt(2, "ship", { points: [{ x: 18, y: 20 }] });
  for await (const { frame, masks } of video.propagate()) {
    expect(results[frame].masks.map(({ object }: TrackedJson) => object)).toEqual(["ship", "hat"]);
    for (const { object, segmentation } of results[frame].masks as TrackedJson[]) {
      expect(decodeRle(fromCocoRle(segmentation)).data, `${frame} ${object}`).toEqual(masks.get(object)?.mask);
    }
  }
});

it("goes through a folder as people count, and says of each object where it is", async () => {
  const counted = join(folder, "counted");
  await mkdir(counted);
  for (const [i, name] of ["2.png", "10.png", "100.png"].entries())
    await copyFile(frames[i] as string, join(counted, name));
  const { code, stdout } = await runCli(["track", counted, "--point", "30,20", "--model", MODEL, "--jsonl"]);
  expect(code).toBe(0);
  const images = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).image);
  expect(images).toEqual(["2.png", "10.png", "100.png"].map((name) => join(counted, name)));
  const text = await runCli(["track", counted, "--object", "hat", "--point", "30,20", "--model", MODEL]);
  expect(text.stdout).toMatch(/^object +is there in +first and last +area on average\nhat +\d of 3 frames/);
});

it("ends at a broken frame, and what was found before stays", async () => {
  const broken = join(folder, "broken");
  const out = join(folder, "broken-out");
  await mkdir(broken);
  for (const [i, path] of frames.entries()) await copyFile(path, join(broken, `${i}.png`));
  await writeFile(join(broken, "2.png"), "no picture");
  const { code, stderr } = await runCli(["track", broken, "--point", "30,20", "--model", MODEL, "--out", out]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/2\.png/);
  expect(await readdir(join(out, "1"))).toEqual(["0.png", "1.png"]);
  const coco: CocoDataset = JSON.parse(await readFile(join(out, "masks.json"), "utf8"));
  expect(coco.images.map(({ frame_id }) => frame_id)).toEqual([0, 1]);
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

describe("video files", () => {
  let standIn: StandIn;
  let pixels: number[][];
  beforeAll(async () => {
    standIn = await standInFfmpeg();
    pixels = Array.from({ length: 3 }, (_, i) => [40 * i, 90, 200 - 50 * i]);
  });
  beforeEach(() => standIn.use());
  afterAll(() => standIn.remove());

  /** The video, and the same as pictures. */
  async function film(name: string, more: object = {}): Promise<{ path: string; pictures: string[] }> {
    const path = await standIn.video(`${name}.mp4`, { ...SIZE, frames: 3, pixels, ...more });
    const pictures = pixels.map((_, i) => join(standIn.folder, `${name}-${i}.png`));
    for (const [i, picture] of pictures.entries()) {
      const [r = 0, g = 0, b = 0] = pixels[i] ?? [];
      await sharp({ create: { ...SIZE, channels: 3, background: { r, g, b } } })
        .png()
        .toFile(picture);
    }
    return { path, pictures };
  }

  it.each([
    ["forward alone", ["--point", "30,20"], [0, 1, 2]],
    ["from a later frame, forward and backward", ["--point", "30,20,1", "--point", "10,9,2"], [1, 2, 0]],
  ])("gives what its frames as pictures give, and a film: %s", async (name, prompts, order) => {
    const { path, pictures } = await film(`film ${name}`);
    const rows = async (images: string[], out: string) => {
      const args = ["--model", MODEL, "--out", out, "--overlay", "--mp4", "--json", "--quiet"];
      const { code, stdout, stderr } = await runCli(["track", ...images, ...prompts, ...args]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return JSON.parse(stdout);
    };
    const [filmOut, pictureOut] = [join(folder, `${name} film`), join(folder, `${name} pictures`)];
    const [ofFilm, ofPictures] = [await rows([path], filmOut), await rows(pictures, pictureOut)];
    expect(ofFilm.files).toEqual([join(filmOut, "masks.json"), join(filmOut, "overlay.mp4")]);
    expect(ofFilm.results.map(({ frame }: { frame: number }) => frame)).toEqual(order);
    for (const [i, { image, masks }] of ofFilm.results.entries()) {
      expect(image).toBe(path);
      expect(masks).toEqual(ofPictures.results[i].masks);
    }
    expect(await readdir(join(filmOut, "1"))).toEqual(["00000.png", "00001.png", "00002.png"]);
    // The stand-in's film is the frames that it was given: those of the overlay.
    const overlays: Buffer[] = [];
    for (const n of [0, 1, 2])
      overlays.push(
        await sharp(join(filmOut, "overlay", `0000${n}.png`))
          .ensureAlpha()
          .raw()
          .toBuffer(),
      );
    for (const out of [filmOut, pictureOut]) {
      const drawn = await readFile(join(out, "overlay.mp4"));
      expect(drawn.length).toBe(3 * SIZE.width * SIZE.height * 4);
      expect(drawn.equals(Buffer.concat(overlays))).toBe(true);
    }
  });

  it("gives what its frames one after the other give where it is long", async () => {
    const { path } = await film("long", { told: 100 }); // and shows three of them
    const { code, stdout } = await runCli(["track", path, "--point", "30,20", "--model", MODEL, "--jsonl"]);
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    async function* images() {
      for (const pixel of pixels) {
        const data = Uint8Array.from(
          { length: 4 * SIZE.width * SIZE.height },
          (_, i) => [...pixel, 255][i % 4] as number,
        );
        yield { ...SIZE, data, channels: 4 as const };
      }
    }
    using segmenter = await VideoSegmenter.fromPretrained(MODEL, { device: await testDevice() });
    using video = await segmenter.open(images());
    await video.addPrompt(0, "1", { points: [{ x: 30, y: 20 }] });
    let count = 0;
    for await (const { frame, masks } of video.propagate()) {
      expect(decodeRle(fromCocoRle(rows[frame].masks[0].segmentation)).data).toEqual(masks.get("1")?.mask);
      count++;
    }
    expect([rows.length, count]).toEqual([3, 3]);
  });

  it("keeps what was found of a video that ends early, and says so", async () => {
    const { path } = await film("early", { told: 100, words: "partial file" });
    const out = join(folder, "early-out");
    const args = ["track", path, "--point", "30,20", "--model", MODEL, "--out", out, "--mp4"];
    const { code, stderr } = await runCli(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/early\.mp4 ends early, after 3 of 100 frames: .*"partial file"/);
    expect(await readdir(join(out, "palette"))).toEqual(["00000.png", "00001.png", "00002.png"]);
    expect((await readFile(join(out, "overlay.mp4"))).length).toBe(3 * SIZE.width * SIZE.height * 4);
    expect(JSON.parse(await readFile(join(out, "masks.json"), "utf8")).images).toHaveLength(3);
  });

  it("warns of what ffmpeg complains of, and names a frame that there is not", async () => {
    const { path } = await film("complains", { words: "error while decoding MB 3 4" });
    const warned = await runCli(["track", path, "--point", "30,20", "--model", MODEL]);
    expect(warned).toMatchObject({ code: 0 });
    expect(warned.stderr).toMatch(
      /warning: .*complains\.mp4: all frames came, but ffmpeg says "error while decoding MB/,
    );
    const beyond = await runCli(["track", path, "--point", "30,20,3", "--model", MODEL]);
    expect(beyond).toMatchObject({ code: 2 });
    expect(beyond.stderr).toMatch(/there is no frame 3: the video has 3 frames/);
    const missing = await runCli(["track", "no.mp4", "--point", "30,20", "--model", MODEL]);
    expect(missing.stderr).toMatch(/there is no file no\.mp4/);
  });

  it("keeps what was found when it is cancelled, and ends ffmpeg", async () => {
    const { path } = await film("hangs", { hangs: true, told: 100 });
    const [out, log] = [join(folder, "cancelled"), join(folder, "log")];
    const args = ["track", path, "--point", "30,20", "--model", MODEL, "--out", out, "--mp4", "--jsonl"];
    const { code, stderr } = await runCliProcess(args, {
      env: { STAND_IN_LOG: log },
      onStdout: (text, child) => void (text.trim().split("\n").length === 2 && child.kill("SIGINT")),
    });
    expect(stderr).toContain("cancelled");
    expect(code).toBe(130);
    expect(await readdir(join(out, "1"))).toEqual(["00000.png", "00001.png", "00002.png"]);
    expect(JSON.parse(await readFile(join(out, "masks.json"), "utf8")).images).toHaveLength(3);
    expect((await readFile(join(out, "overlay.mp4"))).length).toBe(3 * SIZE.width * SIZE.height * 4);
    const runs = (await readFile(log, "utf8"))
      .trim()
      .split("\n")
      .map((line): [number, ...string[]] => JSON.parse(line));
    for (const [pid] of runs) expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

it("says what to install for a video where there is no ffmpeg, before a model is loaded", async () => {
  const { PATH } = process.env;
  const path = join(folder, "film.mp4");
  await writeFile(path, "");
  process.env.PATH = "/nowhere";
  try {
    const film = await runCli(["track", path, "--point", "1,2", "--model", "no-such-model"]);
    expect(film.code).toBe(1);
    expect(film.stderr).toMatch(/film\.mp4 is a video, .* no ffmpeg is found in PATH: install ffmpeg/);
    const args = ["--model", "no-such-model", "--out", join(folder, "no"), "--mp4"];
    const refused = await runCli(["track", ...frames, "--point", "1,2", ...args]);
    expect(refused.stderr).toMatch(/a film is made by the program ffmpeg, and no ffmpeg is found/);
  } finally {
    process.env.PATH = PATH;
  }
});
