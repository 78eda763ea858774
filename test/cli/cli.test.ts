// The command line as a user meets it: exit codes, what goes to stdout and what to stderr, and bad input of every kind.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { readNpy } from "../../src/io/npy.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { testDevice } from "../adapters.ts";
import { runCli, runCliProcess } from "./runCli.ts";

const CAT = "demos/photos/chelsea.png";
const SHIP = "demos/photos/drawn-ship.jpg";
const TRACE = /^\s+at .*:\d+/m;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-cli-"));
  await writeFile(join(folder, "empty.jpg"), "");
  await writeFile(join(folder, "words.png"), "no picture at all");
  await writeFile(join(folder, "labels.txt"), "\ufeffcat\r\n\r\n dog \n");
  await writeFile(join(folder, "nothing.txt"), " \n\n");
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("wrong usage: exit code 2, one or two lines on stderr, nothing on stdout", () => {
  const labels = ["--labels", "cat,dog"];
  it.each<[string, string[], RegExp]>([
    ["an unknown command", ["clasify"], /unknown command 'clasify'[\s\S]*classify/],
    ["an unknown option", ["info", "--colour"], /unknown option '--colour'/],
    ["no picture", ["classify", ...labels], /missing required argument 'image'/],
    ["no labels", ["classify", CAT], /--labels a,b,c and --labels-file/],
    ["both kinds of labels", ["classify", CAT, ...labels, "--labels-file", "x"], /one of --labels/],
    ["an empty list of labels", ["classify", CAT, "--labels", " , ,"], /--labels holds no labels/],
    ["a template without a place", ["classify", CAT, ...labels, "--template", "a photo"], /no \{\}/],
    ["a count of none", ["classify", CAT, ...labels, "--top", "0"], /whole number from 1/],
    ["an unknown type", ["info", "--dtype", "f64"], /Allowed choices are f32, f16/],
    ["nothing to embed", ["embed"], /nothing to embed/],
    ["an unknown format", ["embed", CAT, "--out", "x.csv"], /\.safetensors, \.npy, \.json/],
    ["a folder that is not there", ["embed", CAT, "--out", "/no/such/x.npy"], /no folder \/no\/such/],
    ["two arrays for .npy", ["embed", CAT, "--text", "a", "--out", "x.npy"], /holds one array/],
    ["an empty query", ["search", "demos/photos", " "], /the text is empty/],
    ["an unknown kernel", ["verify", "matmull"], /nothing to verify is called matmull/],
    ["a kernel to compile", ["verify", "matmul", "--compile"], /--compile is for checkpoints, and matmul is a kernel/],
    ["two ways to verify", ["verify", "--compile", "--variants"], /give one of --compile and --variants/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(TRACE);
  });

  it("an empty file of labels", async () => {
    const { code, stderr } = await runCli(["classify", CAT, "--labels-file", join(folder, "nothing.txt")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/nothing\.txt holds no labels: expected one a line/);
  });
});

describe("failures: exit code 1, one line that says what, no trace", () => {
  const classify = (...args: string[]) => ["classify", CAT, "--labels", "cat,dog", ...args];
  it.each<[string, string[], RegExp]>([
    [
      "a model that is not there",
      classify("--model", "./no/such/model"),
      /^error: there is no folder \.\/no\/such\/model/,
    ],
    ["a model of another family", classify("--model", "checkpoints/tiny-dino"), /^error: .*model_type "vit"/],
    ["a file in the place of a model", classify("--model", "package.json"), /^error: package\.json is a file/],
    [
      "a file of labels that is not there",
      ["classify", CAT, "--labels-file", "no.txt"],
      /^error: there is no file no\.txt/,
    ],
    ["a folder that is not there", ["search", "/no/such/folder", "a dog"], /^error: the folder .* does not exist/],
    ["a folder without pictures", ["search", "src/session", "a dog"], /^error: no pictures in src\/session/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.replace(/^webgpu-vision: running on the CPU.*\n/, "")).toMatch(message);
    expect(stderr).not.toMatch(TRACE);
  });

  it.runIf(process.platform === "linux")("no adapter (Linux, where a driver can be hidden)", async () => {
    const env = { VK_ICD_FILENAMES: "/no/such/driver.json", WEBGPU_VISION_ADAPTER: "" };
    const { code, stdout, stderr } = await runCli(["info"], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: WebGPU found no adapter\. .*apt install mesa-vulkan-drivers/m);
    expect(stderr).not.toMatch(/vkCreateInstance|maxDynamic/);
    expect(stderr).not.toMatch(TRACE);
  });

  it("f16 where the adapter has none", async (context) => {
    if ((await testDevice()).hasF16) return context.skip("this adapter has shader-f16");
    const { code, stderr } = await runCli(classify("--dtype", "f16"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: .*shader-f16.*f32/);
  });

  it("pictures that are none, beside one that is: the others are classified", async () => {
    const bad = [join(folder, "missing.jpg"), join(folder, "empty.jpg"), join(folder, "words.png")];
    const { code, stdout, stderr } = await runCli(["classify", ...bad, CAT, "--labels", "cat,truck", "--json"]);
    expect(code).toBe(1);
    for (const path of bad) expect(stderr).toMatch(new RegExp(`^warning: .*${path}`, "m"));
    expect(stderr).not.toMatch(TRACE);
    const { model, dtype, results, errors } = JSON.parse(stdout);
    expect({ model, dtype }).toEqual({ model: "tiny-clip", dtype: "f32" });
    expect(errors.map(({ path }: { path: string }) => path)).toEqual(bad);
    expect(results).toEqual([{ image: CAT, labels: [label("cat"), label("truck")] }]);
  });
});

function label(name: string) {
  return { label: name, score: expect.any(Number) };
}

describe("a process of its own says and ends with what the same command does here", () => {
  it.each<[string, string[], number]>([
    ["help", ["embed", "--help"], 0],
    ["wrong usage", ["classify", CAT, "--labels", "cat", "--top", "0"], 2],
    ["a failure before the device is opened", ["search", "/no/such/folder", "a dog"], 1],
    ["a failure on the device, after a result", ["classify", "no.jpg", CAT, "--labels", "cat,dog", "--json"], 1],
    ["a result", ["classify", CAT, "--labels", "cat,dog"], 0],
  ])("%s", async (_, args, code) => {
    const { stderr, ...rest } = await runCliProcess(args);
    const said = stderr.replace(/^webgpu-vision: running on the CPU.*\n/, "");
    expect({ stderr: said, ...rest }).toEqual({ ...(await runCli(args)), code });
  });
});

describe("help", () => {
  it.each(["classify", "embed", "search", "info", "verify"])(
    "of %s shows its options and examples",
    async (command) => {
      const { code, stdout, stderr } = await runCli([command, "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^Usage: webgpu-vision ${command}`));
      expect(stdout).toMatch(/--model <source>[\s\S]*--json/);
      expect(stdout).toMatch(new RegExp(`Examples:\\n {2}\\$ webgpu-vision ${command}`));
    },
  );
});

describe("who answers", () => {
  it("is said on stderr with what it knows, where no model was named, and not on stdout or when quiet", async () => {
    const ask = ["classify", CAT, "--labels", "cat,dog"];
    const { code, stdout, stderr } = await runCli([...ask, "--json"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^tiny-clip answers.*ten things.*--model openai\/clip-vit-base-patch32$/m);
    expect(JSON.parse(stdout).model).toBe("tiny-clip");
    const named = await runCli([...ask, "--model", "checkpoints/tiny-clip"]);
    expect(named.stderr).not.toContain("answers");
  });
});

describe("classify", () => {
  it("shows a table for each picture, the best labels first, and nothing else when quiet", async () => {
    const args = ["classify", CAT, SHIP, "--labels-file", join(folder, "labels.txt"), "--top", "1", "--quiet"];
    const { code, stdout, stderr } = await runCli([...args, "--template", "a photo of a {}.", "--template", "a {}"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const row = String.raw`  (cat|dog) +█[█▏▎▍▌▋▊▉]* +\d+\.\d %`;
    expect(stdout).toMatch(new RegExp(`^${CAT}\n${row}\n\n${SHIP}\n${row}\n$`));
  });
});

describe("embed", () => {
  it("writes what the library gives, with names", async () => {
    const out = join(folder, "both.safetensors");
    const texts = ["--text", "a cat", "--texts-file", join(folder, "labels.txt")];
    const { code, stdout, stderr } = await runCli(["embed", SHIP, CAT, ...texts, "--out", out]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/wrote 5 embeddings of 128 numbers to .*both\.safetensors/);
    const written = await readSafetensors(out);
    const { tensors, metadata } = written;
    expect(metadata).toEqual({
      model: "tiny-clip",
      dtype: "f32",
      images: JSON.stringify([SHIP, CAT]),
      texts: JSON.stringify(["a cat", "cat", "dog"]),
    });
    using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await testDevice() });
    for (const [name, wanted] of [
      ["image_embeds", await clip.encodeImage([SHIP, CAT])],
      ["text_embeds", await clip.encodeText(["a cat", "cat", "dog"])],
    ] as const) {
      const tensor = tensors.get(name);
      expect(tensor?.shape).toEqual(wanted.shape);
      const got = new Float32Array((await tensor?.read())?.buffer ?? new ArrayBuffer(0));
      expect(largestDifference(got, wanted.data)).toBeLessThan(1e-5);
    }
    await written.close();
  });

  it("writes .npy, and JSON lines when no file is named; both hold the same", async () => {
    const out = join(folder, "texts.npy");
    const written = await runCli(["embed", "--text", "a cat", "--text", "a ship", "--out", out, "--json"]);
    const head = { model: "tiny-clip", dtype: "f32" };
    const results = [{ text: "a cat" }, { text: "a ship" }];
    expect(JSON.parse(written.stdout)).toEqual({ ...head, results, errors: [], out, dimensions: 128 });
    const { data, shape } = readNpy(new Uint8Array(await readFile(out)));
    expect(shape).toEqual([2, 128]);
    const { stdout } = await runCli(["embed", "--text", "a cat", "--text", "a ship"]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ text }) => text)).toEqual(["a cat", "a ship"]);
    expect(Float32Array.from(lines.flatMap(({ embedding }) => embedding))).toEqual(data);
  });

  it("goes on past pictures that are none, and keeps the others, with their names", async () => {
    const bad = [join(folder, "missing.jpg"), join(folder, "words.png")];
    const out = join(folder, "some.safetensors");
    const args = ["embed", SHIP, ...bad, CAT];
    const written = await runCli([...args, "--out", out, "--json"]);
    expect(written.code).toBe(1);
    for (const path of bad) expect(written.stderr).toMatch(new RegExp(`^warning: .*${path}`, "m"));
    const { results, errors } = JSON.parse(written.stdout);
    expect(results).toEqual([{ image: SHIP }, { image: CAT }]);
    expect(errors.map(({ path }: { path: string }) => path)).toEqual(bad);
    const file = await readSafetensors(out);
    expect(file.metadata.images).toBe(JSON.stringify([SHIP, CAT]));
    expect(file.tensors.get("image_embeds")?.shape).toEqual([2, 128]);
    await file.close();
    const lines = (await runCli(args)).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).image)).toEqual([SHIP, CAT]);
  });

  it("writes nothing where no picture can be read, and loads no model where none is there", async () => {
    const out = join(folder, "none.npy");
    const broken = await runCli(["embed", join(folder, "words.png"), "--out", out]);
    expect(broken).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/no picture could be read/) });
    const missing = await runCli(["embed", "no.jpg", "--out", out, "--model", "./no/such/model", "--quiet"]);
    expect(missing).toEqual({ code: 1, stdout: "", stderr: "error: there is no file no.jpg: check the path\n" });
    expect(await readdir(folder)).not.toContain("none.npy");
  });

  it("leaves the old file and nothing else when a picture fails and --strict is given", async () => {
    const out = join(folder, "old.json");
    await writeFile(out, "old");
    const before = await readdir(folder);
    const { code, stdout, stderr } = await runCli(["embed", CAT, join(folder, "words.png"), "--out", out, "--strict"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/error: .*words\.png cannot be decoded/);
    expect(await readFile(out, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(before);
  });
});

/** What a checkpoint for videos has beside its parts for pictures. */
const VIDEO = ["video frame", "object by a click", "object by a mask", "object by its memory"];

describe("info", () => {
  it("names the adapter, its limits, and what the model is and costs", async () => {
    const { code, stdout } = await runCli(["info", "--json"]);
    expect(code).toBe(0);
    const { adapter, model } = JSON.parse(stdout);
    const { info, limits } = await testDevice();
    expect(adapter).toMatchObject({ description: info.description, class: info.class });
    expect(adapter.limits.maxStorageBufferBindingSize).toBe(limits.maxStorageBufferBindingSize);
    expect(model).toMatchObject({ name: "tiny-clip", dtype: "f32", family: "clip-vit", stored: ["F16"] });
    expect(model.parameters).toBeGreaterThan(3.7e6);
    expect(model.unread).toEqual([]);
    expect(model.parts.image.outputs).toEqual({ embeds: { dtype: "f32", shape: [1, 128] } });
    expect(model.parts.image.dispatches).toBeGreaterThan(model.parts.text.dispatches);
  });

  it("says what int8 weights take", async () => {
    const bytes = async (dtype: string) => {
      const { code, stdout } = await runCli(["info", "--json", "--dtype", dtype]);
      expect(code).toBe(0);
      return JSON.parse(stdout).model.parts.text.weightBytes;
    };
    expect((await bytes("q8")) / (await bytes("f32"))).toBeLessThanOrEqual(0.3);
  });

  it.each([
    ["checkpoints/tiny-dino", "DINO with a Vision Transformer", ["image"]],
    ["checkpoints/tiny-sam", "SAM with a Vision Transformer", ["encoder", "decoder"]],
    ["checkpoints/seeded-clip-resnet", "CLIP with a ResNet", ["image", "text"]],
    ["checkpoints/seeded-dino-resnet", "DINO with a ResNet", ["image"]],
    ["checkpoints/seeded-mobile-sam", "MobileSAM", ["encoder", "decoder"]],
    ["checkpoints/seeded-sam2", "SAM 2", ["encoder", "decoder"]],
    ["checkpoints/seeded-edgetam", "EdgeTAM, with RepViT", ["encoder", "decoder"]],
    ["checkpoints/tiny-sam2", "SAM 2", ["encoder", "decoder", ...VIDEO]],
    ["test/golden/small-edgetam", "EdgeTAM, with RepViT", ["encoder", "decoder", ...VIDEO]],
  ])("tells family, parts and costs of %s", async (model, family, parts) => {
    const { code, stdout } = await runCli(["info", "--model", model]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Model ${model}`);
    expect(stdout).toMatch(new RegExp(`family +${family}`));
    expect(stdout).toMatch(/unread tensors +none/);
    expect(stdout).not.toContain("[object");
    for (const part of parts)
      expect(stdout).toMatch(new RegExp(`${part} in f32 .*: \\d+ dispatches of \\d+ pipelines`));
  });

  it("tells what it can of a model of no family here", async () => {
    const other = join(folder, "bert");
    await mkdir(other, { recursive: true });
    await writeFile(join(other, "config.json"), '{ "model_type": "bert" }');
    await copyFile("checkpoints/tiny-dino/model.safetensors", join(other, "model.safetensors"));
    const { code, stdout } = await runCli(["info", "--model", other]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/family +bert: no command of this version runs it/);
  });
});

describe("verify", () => {
  it("runs every variant by itself, and says whether a driver takes all pipelines", async () => {
    const variants = await runCli(["verify", "layerNorm", "--variants", "--json"]);
    const names = JSON.parse(variants.stdout).results.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["layerNorm.rowPerThread"]));
    expect(new Set(names).size).toBeGreaterThan(1);
    expect(variants.code).toBe(0);
    const compiled = await runCli(["verify", "tiny-clip", "--compile"]);
    expect(compiled.stdout).toMatch(/^tiny-clip image +f32 +\d+ +0 +0 +ok$/m);
    expect(compiled.stdout).toMatch(/^tiny-clip text +f32/m);
    expect(compiled.code).toBe(0);
  });

  it("compares kernels and checkpoints with stored results", async () => {
    const { code, stdout } = await runCli(["verify", "layerNorm", "tiny-clip", "--json"]);
    expect(code).toBe(0);
    const { adapter, hasF16, passed, results } = JSON.parse(stdout);
    const device = await testDevice();
    expect({ adapter, hasF16, passed }).toEqual({
      adapter: device.info.description,
      hasF16: device.hasF16,
      passed: true,
    });
    const names = new Set(results.map(({ name }: { name: string }) => name));
    const outputs = ["tokens", "image_embeds", "text_embeds", "logits_per_image"].map((name) => `tiny-clip ${name}`);
    expect([...names]).toEqual(["layerNorm", ...outputs]);
    for (const { error, tolerance } of results) expect(error).toBeLessThanOrEqual(tolerance);
  });

  it("runs a checkpoint that ships without weights, and lists it among the names", async () => {
    const { code, stdout } = await runCli(["verify", "seeded-dino-resnet"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("agree.") });
    for (const output of ["last_hidden_state", "pooler_output"]) {
      expect(stdout).toMatch(new RegExp(`^seeded-dino-resnet ${output} .* ok$`, "m"));
    }
    const unknown = await runCli(["verify", "seeded"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(
      /there are .*seeded-dino-resnet, seeded-edgetam, seeded-mobile-sam, seeded-sam2, tiny-clip/,
    );
  });

  it("is cancelled by Ctrl-C: exit code 130, one word", async () => {
    const onStdout = (text: string, child: { kill(signal: "SIGINT"): boolean }) => {
      if (text.startsWith("Adapter")) child.kill("SIGINT");
    };
    const { code, stdout, stderr } = await runCli(["verify", "matmul", "--quiet"], { onStdout });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "cancelled\n" });
    expect(stdout).not.toMatch(/agree/);
  });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}
