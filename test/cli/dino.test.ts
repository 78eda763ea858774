// The commands that run DINO as a user meets them: what they write and print is what the library gives, and bad input
// leaves nothing behind.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dino, type DinoEncodeOptions, type DinoFeatures } from "../../src/api/dino.ts";
import { LimitError } from "../../src/device/errors.ts";
import { attentionMaps } from "../../src/features/attentionMaps.ts";
import { LinearProbe } from "../../src/features/linearProbe.ts";
import { matchPatches } from "../../src/features/matchPatches.ts";
import { pca } from "../../src/features/pca.ts";
import { readNpy } from "../../src/io/npy.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "./runCli.ts";

const CAT = "demos/photos/chelsea.png"; // 451 x 300
const SHIP = "demos/photos/drawn-ship.jpg"; // 640 x 480
const TRACE = /^\s+at .*:\d+/m;

let folder: string;
let dino: Dino;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-dino-"));
  dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device: await testDevice() });
  await writeFile(join(folder, "words.png"), "no picture at all");
});

afterAll(async () => {
  dino.dispose();
  await rm(folder, { recursive: true });
});

/** Runs a command that must succeed and say nothing on stderr, and gives its JSON. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await runCli([...args, "--json", "--quiet"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

function encode(path: string, options: DinoEncodeOptions): Promise<DinoFeatures> {
  return dino.encodeImage(path, options);
}

function expectClose(got: ArrayLike<number> | undefined, wanted: ArrayLike<number>, tolerance = 1e-4): void {
  expect(got?.length).toBe(wanted.length);
  const most = Array.from(wanted).reduce((a, value, i) => Math.max(a, Math.abs(value - (got?.[i] ?? Number.NaN))), 0);
  expect(most).toBeLessThanOrEqual(tolerance);
}

/** Size of a PNG, and how much its pixels vary. */
async function pictureOf(path: string) {
  const { format, width, height } = await sharp(path).metadata();
  const { channels } = await sharp(path).stats();
  return { format, width, height, spread: Math.max(...channels.slice(0, 3).map(({ stdev }) => stdev)) };
}

describe("features", () => {
  it("writes what the library gives: class tokens, patches on their grid, layers", async () => {
    const out = join(folder, "both.safetensors");
    const args = ["features", CAT, SHIP, "--size", "32x48", "--patches", "--layers", "-1,2", "--out", out];
    const results = [CAT, SHIP].map((image) => ({ image, grid: [4, 6] }));
    const head = { model: "tiny-dino", dtype: "f32" };
    expect(await json(...args)).toEqual({ ...head, results, errors: [], out, dimensions: 192 });
    const file = await readSafetensors(out);
    const { tensors, metadata } = file;
    expect(metadata).toEqual({ model: "tiny-dino", dtype: "f32", images: JSON.stringify([CAT, SHIP]) });
    const expected = await dino.encodeImage([CAT, SHIP], { size: [32, 48], layers: [-1, 2] });
    const second = expected.layers?.[1];
    for (const [name, array, shape] of [
      ["cls", expected.cls, [2, 192]],
      ["patches", expected.patches, [2, 4, 6, 192]],
      ["layers.-1.patches", expected.patches, [2, 4, 6, 192]],
      ["layers.2.cls", second?.cls, [2, 192]],
      ["layers.2.patches", second?.patches, [2, 4, 6, 192]],
    ] as const) {
      const tensor = tensors.get(name);
      expect(tensor?.shape, name).toEqual(shape);
      expectClose(new Float32Array((await tensor?.read())?.buffer ?? new ArrayBuffer(0)), array?.data ?? [], 1e-3);
    }
    expect(tensors.size).toBe(6);
    await file.close();
  });

  it("prints JSON lines of the model's own size, and writes .npy", async () => {
    const out = join(folder, "cls.npy");
    const written = await runCli(["features", CAT, SHIP, "--out", out]);
    expect({ code: written.code, stdout: written.stdout }).toEqual({ code: 0, stdout: "" });
    expect(written.stderr).toMatch(/wrote features of 2 pictures, 192 numbers each, to .*cls\.npy/);
    const printed = await runCli(["features", CAT, SHIP]);
    const lines = printed.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ image, grid, patches }) => ({ image, grid, patches }))).toEqual([
      { image: CAT, grid: [8, 8] },
      { image: SHIP, grid: [8, 8] },
    ]);
    const { data, shape } = readNpy(new Uint8Array(await readFile(out)));
    expect(shape).toEqual([2, 192]);
    expect(lines.flatMap(({ cls }) => cls).map(Math.fround)).toEqual(Array.from(data));
    expectClose(data, (await dino.encodeImage([CAT, SHIP])).cls.data, 1e-3);
  });

  it("refuses one array for pictures of different grids", async () => {
    const out = join(folder, "grids.npy");
    const { code, stderr } = await runCli([
      "features",
      CAT,
      SHIP,
      "--size",
      "32",
      "--patches",
      "--out",
      out,
      "--quiet",
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the pictures come to grids of 4 x 6 and 4 x 5 patches.*--size HEIGHTxWIDTH/m);
  });

  it("leaves the file as it was when one picture is none and --strict is given", async () => {
    const out = join(folder, "old.json");
    await writeFile(out, "old");
    const before = await readdir(folder);
    const bad = join(folder, "words.png");
    const { code, stdout, stderr } = await runCli(["features", CAT, bad, "--out", out, "--quiet", "--strict"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*words\.png cannot be decoded/);
    expect(stderr).not.toMatch(TRACE);
    expect(await readFile(out, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(before);
  });

  it("is cancelled by Ctrl-C: exit code 130, one word", async () => {
    const many = Array.from({ length: 200 }, () => SHIP);
    const { code, stderr } = await runCli(["features", ...many, "--model", "test/golden/small-dino-p8", "--quiet"], {
      onStdout: (_, child) => child.kill("SIGINT"),
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "cancelled\n" });
  });
});

describe("attention", () => {
  it("writes a picture of each head and of all, of the photo's size", async () => {
    const out = join(folder, "maps");
    const args = ["attention", CAT, "--out", out, "--size", "32x48", "--mass", "0.5", "--layer", "-2"];
    const { results, ...said } = await json(...args);
    const [got] = results;
    const names = ["chelsea-attention.png", "chelsea-head1.png", "chelsea-head2.png", "chelsea-head3.png"];
    expect((await readdir(out)).sort()).toEqual(names);
    expect(got.files.map((path: string) => basename(path))).toEqual(names);
    const features = await encode(CAT, { size: [32, 48], attention: -2 });
    const heads = attentionMaps(features);
    expect({ grid: got.grid, layer: said.layer, mass: said.mass }).toEqual({ grid: [4, 6], layer: -2, mass: 0.5 });
    for (const [i, { data }] of heads.entries()) expectClose(got.heads[i], data);
    const data = Float32Array.from(got.mean);
    expectClose(
      data,
      data.map((_, i) => heads.reduce((sum, head) => sum + (head.data[i] ?? 0), 0) / 3),
    );
    const attention = { data, shape: [1, 1, 24] };
    expect(got.mask).toEqual(Array.from(attentionMaps({ grid: [4, 6], attention }, { mass: 0.5 })[0]?.mask ?? []));
    const pictures = await Promise.all(names.map((name) => pictureOf(join(out, name))));
    for (const picture of pictures) {
      expect(picture).toEqual({ format: "png", width: 451, height: 300, spread: expect.any(Number) });
      expect(picture.spread).toBeGreaterThan(10);
    }
    expect(new Set(await Promise.all(names.map((name) => readFile(join(out, name), "base64")))).size).toBe(4);
  });

  it("writes a page of all; a layer that is not there is an error", async () => {
    const out = join(folder, "page.png");
    const { code, stdout } = await runCli(["attention", CAT, "--out", out, "--size", "32"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${out}\n` });
    expect(await pictureOf(out)).toMatchObject({
      format: "png",
      width: 3 * (451 + 14) + 14,
      height: 14 + 2 * (300 + 29),
    });
    const missing = await runCli(["attention", CAT, "--out", join(folder, "none"), "--layer", "6", "--quiet"]);
    expect(missing).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^error: there is no layer 6.*has 6/m),
    });
    expect(await readdir(folder)).not.toContain("none");
  });
});

describe("pca", () => {
  it("colours the patches of all pictures by one basis, beside the photos", async () => {
    const out = join(folder, "pca.png");
    const got = await json("pca", CAT, SHIP, "--out", out, "--size", "32", "--foreground", "high");
    const features = [await encode(CAT, { size: 32 }), await encode(SHIP, { size: 32 })];
    const expectedPictures = pca(features, { foreground: "high" }).pictures;
    expect(got.results.map(({ image, grid }: { image: string; grid: number[] }) => ({ image, grid }))).toEqual([
      { image: CAT, grid: [4, 6] },
      { image: SHIP, grid: [4, 5] },
    ]);
    for (const [i, { rgb }] of expectedPictures.entries()) expectClose(got.results[i].rgb, rgb, 1);
    expect(await pictureOf(out)).toMatchObject({
      format: "png",
      width: 14 + 2 * (451 + 14),
      height: 14 + 2 * (300 + 29),
    });
    // The middle of the cat's first patch has that patch's colour.
    const { data } = await sharp(out).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = ((14 + 37) * (14 + 2 * 465) + 14 + 465 + 37) * 3;
    expectClose(data.subarray(at, at + 3), got.results[0].rgb.slice(0, 3), 0);
  });
});

describe("one picture that cannot be read", () => {
  it.each(["attention", "pca"])("is left out of %s, which ends with 1", async (command) => {
    const bad = join(folder, "words.png");
    const args = [command, CAT, bad, join(folder, "gone.png"), SHIP, "--size", "32", "--json"];
    for (const out of [join(folder, `${command}-folder`), join(folder, `${command}-page.png`)]) {
      const { code, stdout, stderr } = await runCli([...args, "--out", out]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^warning: there is no file .*gone\.png/m);
      expect(stderr).toMatch(/^warning: .*words\.png cannot be decoded/m);
      const { results, errors } = JSON.parse(stdout);
      expect(results.map(({ image }: { image: string }) => image)).toEqual([CAT, SHIP]);
      expect(errors.map(({ path }: { path: string }) => path)).toEqual([join(folder, "gone.png"), bad]);
    }
    const names = (await readdir(join(folder, `${command}-folder`))).join(" ");
    expect(names).toMatch(/chelsea-.*drawn-ship-/);
    // Both pictures are on the page, one under the other.
    const page = await pictureOf(join(folder, `${command}-page.png`));
    expect(page.height).toBe(14 + (command === "pca" ? 2 : 4) * (300 + 29));
  });

  it("is the end of match, which needs both", async () => {
    const { code, stdout, stderr } = await runCli(["match", CAT, join(folder, "words.png"), "--quiet"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*words\.png cannot be decoded/);
  });
});

describe("what is too large for the GPU", () => {
  const SIZE = 4096; // more than the 128 MiB that WebGPU's default limits bind

  it("names its picture, in a program as on the command line, and the others go on", async () => {
    const device = await testDevice();
    const bytes = SIZE * SIZE * 3 * 4;
    if (device.limits.maxStorageBufferBindingSize >= bytes) return;
    const size = [SIZE, SIZE] as const;
    const one = await dino.encodeImage(CAT, { size }).catch((error) => error);
    expect(one).toBeInstanceOf(LimitError);
    expect(one.message.startsWith(`${CAT}: `)).toBe(true);
    const errors: unknown[] = [];
    const images = [CAT, SHIP];
    for await (const _ of dino.encodeImages(images, { size, onError: (error) => errors.push(error) })) {
      throw new Error("no picture of this size has features here");
    }
    expect(errors.map((error) => (error as Error).message.split(":")[0])).toEqual(images);
    const { code, stderr } = await runCli(["features", CAT, "--size", `${SIZE}x${SIZE}`, "--quiet"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `warning: ${one.message}\n` });
  });
});

describe("match", () => {
  it("gives pixel coordinates of matched patches, and draws them", async () => {
    const out = join(folder, "match.png");
    const got = await json("match", CAT, SHIP, "--out", out, "--size", "64", "--top", "5");
    const [a, b] = [await encode(CAT, { size: 64 }), await encode(SHIP, { size: 64 })];
    const expectedMatches = matchPatches(a, b).slice(0, 5);
    expect(expectedMatches).toHaveLength(5);
    expect({ a: got.a, b: got.b, out: got.out }).toEqual({ a: CAT, b: SHIP, out });
    expect(got.matches).toEqual(
      expectedMatches.map((match) => ({
        a: [((match.a[1] + 0.5) * 451) / a.grid[1], ((match.a[0] + 0.5) * 300) / a.grid[0]],
        b: [((match.b[1] + 0.5) * 640) / b.grid[1], ((match.b[0] + 0.5) * 480) / b.grid[0]],
        similarity: expect.closeTo(match.similarity, 4),
      })),
    );
    const { width, height, spread } = await pictureOf(out);
    expect({ width, height }).toEqual({ width: 842 + 14 + 747, height: 560 });
    expect(spread).toBeGreaterThan(10);
  });

  it("takes part of the first picture, and prints a table when no file is named", async () => {
    const { code, stdout } = await runCli(["match", CAT, CAT, "--size", "64", "--mass", "0.7", "--top", "3"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(1\.000 +\d+,\d+ +→ +\d+,\d+\n){3}$/);
    for (const [, from, to] of stdout.matchAll(/(\d+,\d+) +→ +(\d+,\d+)/g)) expect(from).toBe(to);
  });
});

describe("probe", () => {
  const probe = () => join(folder, "probe.safetensors");
  const training = ["drawn-cat.jpg", "drawn-ship.jpg", "drawn-sunset.jpg", "chelsea.png", "coffee.png", "flower.jpg"];

  beforeAll(async () => {
    for (const name of training) {
      const path = join(folder, "classes", name.startsWith("drawn") ? "drawn" : "photo", name);
      await mkdir(join(path, ".."), { recursive: true });
      await cp(join("demos/photos", name), path);
    }
    await writeFile(join(folder, "classes/photo/words.png"), "no picture at all");
  });

  it("is trained on folders, leaves out what is no picture, and is the library's probe", async () => {
    const args = ["probe", "train", join(folder, "classes"), "--out", probe(), "--features", "cls+patches"];
    const { code, stdout, stderr } = await runCli([...args, "--size", "32", "--holdout", "0.34", "--json", "--knn"]);
    expect(code, "a picture was left out").toBe(1);
    expect(stderr).toMatch(/^warning: .*words\.png cannot be decoded/m);
    const { classes, dimensions, tested, accuracy } = JSON.parse(stdout);
    expect(dimensions).toBe(384);
    expect(classes.drawn + classes.photo + tested).toBe(6);
    for (const value of [accuracy.linear, accuracy.knn]) expect([0, 0.5, 1]).toContain(value);
    const { metadata } = await readSafetensors(new Uint8Array(await readFile(probe())));
    expect(metadata).toEqual({
      classes: '["drawn","photo"]',
      checkpoint: expect.stringMatching(/^[0-9a-f]{64}$/),
      features: "cls+patches",
      size: "32",
    });
  });

  it("names pictures as the library does, and goes on after one that is none", async () => {
    const bad = join(folder, "words.png");
    const { code, stdout, stderr } = await runCli(["probe", "predict", probe(), CAT, bad, SHIP, "--json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^warning: .*words\.png cannot be decoded/m);
    const { model, results, errors } = JSON.parse(stdout);
    expect(model).toBe("tiny-dino");
    expect(errors).toHaveLength(1);
    expect(results.map(({ image }: { image: string }) => image)).toEqual([CAT, SHIP]);
    const linear = await LinearProbe.load(probe());
    for (const [i, path] of [CAT, SHIP].entries()) {
      const { cls, patches } = await encode(path, { size: 32 });
      const count = patches.data.length / 192;
      const mean = cls.data.map((_, c) => {
        return Array.from({ length: count }, (_, p) => patches.data[p * 192 + c] ?? 0).reduce((a, b) => a + b) / count;
      });
      const { data } = linear.predictProba({ data: Float32Array.of(...cls.data, ...mean), shape: [1, 384] });
      const expected = linear.classes.map((label, c) => ({ label, score: expect.closeTo(data[c] ?? Number.NaN, 3) }));
      const got = [...results[i].labels].sort((a, b) => (a.label < b.label ? -1 : 1));
      expect(got).toEqual(expected);
      expect(results[i].labels[0].score).toBeGreaterThanOrEqual(results[i].labels[1].score);
    }
  });

  it("refuses features of another length, and files that are no probe", async () => {
    const other = await runCli(["probe", "predict", probe(), CAT, "--model", "test/golden/small-dino", "--quiet"]);
    expect({ code: other.code, stdout: other.stdout }).toEqual({ code: 1, stdout: "" });
    expect(other.stderr).toMatch(/takes 384 numbers \(cls\+patches of tiny-dino\), but .*small-dino gives \d+: /);
    const weights = "checkpoints/tiny-dino/model.safetensors";
    const none = await runCli(["probe", "predict", weights, CAT, "--quiet"]);
    expect(none).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(/^error: .*is no linear probe/) });
    expect(other.stderr + none.stderr).not.toMatch(TRACE);
  });
});
