// The commands that run SAM as a user meets them: what they write and print is what the library gives, wrong usage is
// refused before anything runs, and bad input leaves nothing behind.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Sam } from "../../src/api/sam.ts";
import type { PredictOptions, SamMask } from "../../src/api/samScene.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { makeProgram } from "../../src/cli/program.ts";
import { type CocoRle, fromCocoRle } from "../../src/masks/cocoRle.ts";
import type { MaskRecord } from "../../src/masks/generateMasks.ts";
import { decodeRle, encodeRle, maskArea } from "../../src/masks/rle.ts";
import type { SamPrompt } from "../../src/models/sam/prompts.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "./runCli.ts";

const SHAPES = "demos/photos/drawn-shapes.jpg"; // 640 x 480
const CARS = "demos/photos/cars.jpg";
const [WIDTH, HEIGHT] = [640, 480];
const TRACE = /^\s+at .*:\d+/m;

// Few points, and a threshold that a part of tiny-sam's masks passes.
const FAST = ["--points-per-side", "5", "--pred-iou-thresh", "0.45"];

let folder: string;
let sam: Sam;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-sam-"));
  sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device: await testDevice() });
  await writeFile(join(folder, "words.png"), "no picture at all");
});

afterAll(async () => {
  sam.dispose();
  await rm(folder, { recursive: true });
});

/** Runs a command that must succeed and say nothing on stderr, and gives its JSON. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await runCli([...args, "--json", "--quiet"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The ones of a mask's PNG; everything else must be black. */
async function onesOf(path: string): Promise<Uint8Array> {
  const { data, info } = await sharp(path).toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([WIDTH, HEIGHT, 1]);
  expect(data.every((value) => value === 0 || value === 255)).toBe(true);
  return Uint8Array.from(data, (value) => value / 255);
}

const differs = (a: Uint8Array, b: Uint8Array) => a.reduce((count, value, i) => count + Number(value !== b[i]), 0);

async function predict(prompt: SamPrompt & PredictOptions): Promise<SamMask[]> {
  using scene = await sam.encodeImage(SHAPES);
  return await scene.predict(prompt);
}

describe("segment", () => {
  it("prints and writes the three masks of a click, and draws them", async () => {
    const [out, overlay] = [join(folder, "mask.png"), join(folder, "overlay.png")];
    const said = await json(
      ...["segment", SHAPES, "--point", "540,180", "--multimask", "--out", out, "--overlay", overlay],
    );
    const expected = await predict({ points: [{ x: 540, y: 180 }], multimask: true });
    expect(said).toMatchObject({ model: "tiny-sam", dtype: "f32", image: SHAPES, width: WIDTH, height: HEIGHT });
    expect(said.masks.length).toBe(3);
    expect(said.files).toEqual([1, 2, 3].map((i) => join(folder, `mask-${i}.png`)).concat(overlay));
    for (const [i, { mask, score }] of expected.entries()) {
      const written = said.masks[i];
      expect(written.score).toBeCloseTo(score, 4);
      const { data } = decodeRle(fromCocoRle(written.segmentation));
      expect(differs(data, mask)).toBeLessThan(5);
      expect(written.area).toBe(maskArea(encodeRle({ width: WIDTH, height: HEIGHT, data })));
      expect(differs(await onesOf(said.files[i]), data)).toBe(0);
    }
    const { width = 0, height = 0 } = await sharp(overlay).metadata();
    expect(width, "three panels beside each other").toBeGreaterThan(2.5 * height);
  });

  it("gives the masks of each of several boxes, and writes over files only with --force", async () => {
    const boxes = [
      [470, 55, 612, 236],
      [60, 60, 240, 240],
    ] as const;
    const args = ["segment", SHAPES, ...boxes.flatMap((box) => ["--box", box.join(",")])];
    const out = join(folder, "objects.png");
    const { masks, files } = await json(...args, "--out", out);
    expect(files).toEqual([1, 2].map((i) => join(folder, `objects-${i}.png`)));
    using scene = await sam.encodeImage(SHAPES);
    for (const [i, [x0, y0, x1, y1]] of boxes.entries()) {
      const [expected] = await scene.predict({ box: [x0, y0, x1, y1], multimask: false });
      expect(masks[i].prompt).toEqual({ x0, y0, x1, y1 });
      expect(masks[i].score).toBeCloseTo(expected?.score ?? 0, 4);
      const { data } = decodeRle(fromCocoRle(masks[i].segmentation));
      expect(differs(data, expected?.mask ?? data.slice(0, 0))).toBeLessThan(5);
    }
    const again = await runCli([...args, "--out", out]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/objects-1\.png is there already.*--force/) });
    expect((await runCli([...args, "--out", out, "--force"])).code).toBe(0);
  });

  it("takes a box, points outside, and a rough mask to refine", async () => {
    const box = [470, 55, 612, 236] as const;
    const of = async (...args: string[]) => (await json("segment", SHAPES, ...args)).masks;
    const [boxed, ...others] = await of("--box", box.join(","), "--point", "300,300,0");
    const [expected] = await predict({ box, points: [{ x: 300, y: 300, label: 0 }], multimask: false });
    expect(others).toEqual([]);
    expect(boxed.score).toBeCloseTo(expected?.score ?? 0, 4);
    const { data } = decodeRle(fromCocoRle(boxed.segmentation));
    expect(differs(data, expected?.mask ?? data.slice(0, 0))).toBeLessThan(5);

    const rough = join(folder, "rough.png");
    await sharp(
      data.map((one) => one * 255),
      { raw: { width: WIDTH, height: HEIGHT, channels: 1 } },
    )
      .png()
      .toFile(rough);
    const [refined] = await of("--mask", rough, "--point", "541,145");
    const shared = decodeRle(fromCocoRle(refined.segmentation)).data.reduce(
      (sum, one, i) => sum + (one & (data[i] ?? 0)),
      0,
    );
    expect(shared / (refined.area + boxed.area - shared), "IoU of a mask and what it refines to").toBeGreaterThan(0.85);
  });

  it("prints a table for people, and the one picture that it drew", async () => {
    const overlay = join(folder, "one.png");
    const { code, stdout } = await runCli(["segment", SHAPES, "--point", "540,180", "--overlay", overlay]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/predicted IoU\s+area\s+box\nmask 1\s+0\.\d{3}\s+\d+\.\d %\s+\d+,\d+ – \d+,\d+\n/);
    expect(stdout.trimEnd().endsWith(overlay)).toBe(true);
    const { width, height, format } = await sharp(overlay).metadata();
    expect([format, width, height]).toEqual(["png", WIDTH, HEIGHT]);
  });
});

describe("masks", () => {
  let expected: MaskRecord<CocoRle>[];
  beforeAll(async () => {
    expected = await sam.generateMasks(SHAPES, {
      pointsPerSide: 5,
      predIouThresh: 0.45,
      stabilityScoreThresh: 0.6,
      stabilityScoreOffset: 0.4,
      outputMode: "coco_rle",
    });
    expect(expected.length).toBeGreaterThan(3);
  });

  it("writes segment-anything's folder: a PNG for each mask, metadata.csv; and an overlay", async () => {
    const out = join(folder, "masks");
    const { code, stdout } = await runCli(["masks", SHAPES, "--out", out, ...FAST]);
    expect(code).toBe(0);
    expect(stdout).toContain(`${SHAPES}: ${expected.length} masks`);
    expect(await readdir(out)).toEqual(["drawn-shapes", "drawn-shapes-masks.png"]);
    const files = expected.map((_, i) => `${i}.png`).concat("metadata.csv");
    expect(new Set(await readdir(join(out, "drawn-shapes")))).toEqual(new Set(files));
    const [header, ...rows] = (await readFile(join(out, "drawn-shapes", "metadata.csv"), "utf8")).trimEnd().split("\n");
    expect(header).toMatch(/^id,area,bbox_x0,.*,predicted_iou,stability_score,crop_box_x0,.*,crop_box_h$/);
    expect(rows.length).toBe(expected.length);
    for (const [i, { segmentation, area, pointCoords }] of expected.entries()) {
      const row = rows[i]?.split(",").map(Number) as number[];
      expect(row.length).toBe(header?.split(",").length);
      expect([row[0], row[6], row[7]]).toEqual([i, ...pointCoords[0]]);
      expect(Math.abs((row[1] as number) - area)).toBeLessThan(5);
      const mask = await onesOf(join(out, "drawn-shapes", `${i}.png`));
      expect(differs(mask, decodeRle(fromCocoRle(segmentation)).data)).toBeLessThan(5);
    }
    const { width, height } = await sharp(join(out, "drawn-shapes-masks.png")).metadata();
    expect([width, height]).toEqual([WIDTH, HEIGHT]);

    await writeFile(join(out, "drawn-shapes", "0.png"), "kept");
    const again = await runCli(["masks", SHAPES, "--out", out, ...FAST]);
    expect([again.code, again.stdout]).toEqual([0, ""]);
    expect(again.stderr).toMatch(/masks of .*drawn-shapes\.jpg are in .* already and left as they are; --force makes/);
    expect(await readFile(join(out, "drawn-shapes", "0.png"), "utf8")).toBe("kept");

    const stale = join(out, "drawn-shapes", "999.png");
    await writeFile(stale, "of a run with other options");
    const forced = await runCli(["masks", SHAPES, "--out", out, "--force", ...FAST]);
    expect(forced.code).toBe(0);
    expect(new Set(await readdir(join(out, "drawn-shapes"))), "nothing of the run before").toEqual(new Set(files));
  });

  it("goes on with a picture whose folder was not finished, and writes into nobody else's", async () => {
    const out = join(folder, "unfinished");
    await mkdir(join(out, "drawn-shapes"), { recursive: true });
    await writeFile(join(out, "drawn-shapes", "0.png"), "half");
    expect((await runCli(["masks", SHAPES, "--out", out, ...FAST])).code).toBe(0);
    expect(await readdir(join(out, "drawn-shapes"))).toContain("metadata.csv");

    const theirs = join(folder, "theirs");
    await mkdir(join(theirs, "drawn-shapes"), { recursive: true });
    await writeFile(join(theirs, "drawn-shapes", "letter.txt"), "private");
    const refused = await runCli(["masks", SHAPES, "--out", theirs, ...FAST]);
    expect(refused).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/holds letter\.txt: .*--force/),
    });
  });

  it("writes a COCO dataset of all pictures, and goes on with it", async () => {
    const out = join(folder, "coco");
    const said = await json("masks", SHAPES, "--out", out, "--coco", ...FAST);
    const path = join(out, "coco.json");
    expect(said.files).toEqual([path]);
    expect(said.results[0].files).toEqual([join(out, "drawn-shapes-masks.png")]);
    const { images, annotations, categories } = JSON.parse(await readFile(path, "utf8"));
    expect(images).toEqual([{ id: 1, file_name: "drawn-shapes.jpg", width: WIDTH, height: HEIGHT }]);
    expect(categories).toEqual([{ id: 1, name: "object", supercategory: "" }]);
    expect(annotations.length).toBe(expected.length);
    const [printed] = said.results;
    for (const [i, { bbox, predictedIou, stabilityScore, cropBox, pointCoords }] of expected.entries()) {
      const [x, y, w, h] = bbox;
      const ids = { id: i + 1, image_id: 1, category_id: 1, iscrowd: 0 };
      const edges = { bbox: [x, y, w + 1, h + 1], crop_box: cropBox, point_coords: pointCoords };
      expect(annotations[i]).toMatchObject({ ...ids, ...edges });
      expect(annotations[i].score).toBeCloseTo(predictedIou, 4);
      expect(annotations[i].stability_score).toBeCloseTo(stabilityScore, 3);
      const mask = printed.masks[i];
      expect(mask.segmentation).toEqual(annotations[i].segmentation);
      expect(mask.box, "the same box, as --box takes it").toEqual({ x0: x, y0: y, x1: x + w + 1, y1: y + h + 1 });
    }

    const more = await json("masks", SHAPES, CARS, "--out", out, "--coco", ...FAST);
    expect(more.skipped).toEqual([SHAPES]);
    const both = JSON.parse(await readFile(path, "utf8"));
    expect(both.images.map(({ file_name }: { file_name: string }) => file_name)).toEqual([
      "drawn-shapes.jpg",
      "cars.jpg",
    ]);
    expect(both.annotations.slice(0, annotations.length)).toEqual(annotations);
    const ids = both.annotations.map(({ id }: { id: number }) => id);
    expect(ids).toEqual(ids.map((_: number, i: number) => i + 1));
  });

  it("writes outlines into it with --polygons, which fill holes", async () => {
    const out = join(folder, "polygons");
    await json("masks", SHAPES, "--out", out, "--coco", "--polygons", ...FAST);
    const { annotations } = JSON.parse(await readFile(join(out, "coco.json"), "utf8"));
    expect(annotations.length).toBe(expected.length);
    for (const [i, { area, bbox }] of expected.entries()) {
      const [x, y, w, h] = bbox;
      expect(annotations[i].bbox).toEqual([x, y, w + 1, h + 1]);
      expect(annotations[i].area).toBeGreaterThanOrEqual(area);
      const rings: number[][] = annotations[i].segmentation;
      expect(rings.every((ring) => ring.length >= 8 && ring.every(Number.isInteger))).toBe(true);
    }
  });

  it("without any says how to find more", async () => {
    const { code, stdout } = await runCli(["masks", SHAPES, "--points-per-side", "1", "--pred-iou-thresh", "2"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/: 0 masks; --pred-iou-thresh and --stability-score-thresh let more pass/);
  });
});

describe("bad input: exit code 1 or 2, one line, nothing written", () => {
  it.each<[string, (folder: string) => string[], number, RegExp]>([
    ["no picture", (at) => ["segment", join(at, "words.png"), "--point", "1,1"], 1, /cannot be decoded/],
    ["no file", (at) => ["masks", join(at, "none.png"), "--out", join(at, "new")], 1, /there is no file/],
    ["a point outside", () => ["segment", SHAPES, "--point", "700,10"], 2, /700,10 lies outside.* 640 x 480/],
    ["a mask of another size", () => ["segment", SHAPES, "--mask", "demos/photos/coffee.png"], 2, /600 x 400/],
    ["another model", () => ["segment", SHAPES, "--point", "1,1", "--model", "checkpoints/tiny-dino"], 1, /sam/i],
  ])("%s", async (_, args, code, message) => {
    const result = await runCli(args(folder));
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    expect(result.stderr).toMatch(/^error: /m);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(TRACE);
    expect(existsSync(join(folder, "new"))).toBe(false);
  });
});

describe("wrong usage is refused before anything runs", () => {
  it.each<[string, string[], RegExp]>([
    ["segment: no prompt", ["segment", SHAPES], /give --point x,y, --box x0,y0,x1,y1 or --mask/],
    ["segment: a point of one number", ["segment", SHAPES, "--point", "4"], /Expected x,y/],
    ["segment: a box inside out", ["segment", SHAPES, "--box", "5,5,1,1"], /x0 < x1/],
    ["segment: a JPEG", ["segment", SHAPES, "--point", "1,1", "--out", "x.jpg"], /must end in \.png/],
    [
      "segment: no folder",
      ["segment", SHAPES, "--point", "1,1", "--overlay", "/no/such/x.png"],
      /no folder \/no\/such/,
    ],
    ["masks: no picture", ["masks"], /missing required argument 'image'/],
    ["masks: a grid of halves", ["masks", SHAPES, "--points-per-side", "2.5"], /whole number/],
    ["masks: no grid", ["masks", SHAPES, "--points-per-side", "0"], /pointsPerSide is 0/],
    ["masks: a word", ["masks", SHAPES, "--pred-iou-thresh", "high"], /Expected a number/],
    ["masks: force of nothing", ["masks", SHAPES, "--force"], /give --out FOLDER/],
    ["masks: - twice", ["masks", "-", "-"], /- is given twice/],
    ["masks: two kinds of JSON", ["masks", SHAPES, "--json", "--jsonl"], /one of --json and --jsonl/],
    [
      "segment: points of which box",
      ["segment", SHAPES, "--box", "1,1,5,5", "--box", "6,6,9,9", "--point", "2,2"],
      /several --box are several objects/,
    ],
    [
      "segment: over a file",
      ["segment", SHAPES, "--point", "1,1", "--overlay", "docs/pictures/segment.png"],
      /--force/,
    ],
    ["masks: outlines for nobody", ["masks", SHAPES, "--out", "x", "--polygons"], /give both/],
    ["masks: COCO for nobody", ["masks", SHAPES, "--coco"], /--out FOLDER/],
    ["masks: a picture for a folder", ["masks", SHAPES, "--out", "x.png"], /expected a folder/],
    ["masks: a file for a folder", ["masks", SHAPES, "--out", "package.json"], /is a file/],
  ])("%s", async (_, args, message) => {
    const run = vi.fn(async () => {});
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const error = await makeProgram(run)
      .parseAsync(args, { from: "user" })
      .catch((reason) => reason);
    stderr.mockRestore();
    expect(error instanceof UsageError || error instanceof CommanderError, String(error)).toBe(true);
    expect(error.message).toMatch(message);
    expect(run).not.toHaveBeenCalled();
  });
});

it("Ctrl-C ends everything mode, and keeps what was done", async () => {
  const out = join(folder, "cancelled");
  let isSent = false;
  const result = await runCli(["masks", SHAPES, CARS, "--out", out, ...FAST, "--coco"], {
    onStdout: (_, child) => {
      if (!isSent) child.kill("SIGINT");
      isSent = true;
    },
  });
  expect(result.code).toBe(130);
  expect(result.stderr).toMatch(/^cancelled\n$/m);
  expect(await readdir(out)).toEqual(["coco.json", "drawn-shapes-masks.png"]);
  const { images } = JSON.parse(await readFile(join(out, "coco.json"), "utf8"));
  expect(images).toHaveLength(1);
});
