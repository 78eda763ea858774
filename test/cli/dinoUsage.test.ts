// Command lines for DINO that cannot be meant, and the parts that read them, without a process or a GPU each.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UsageError } from "../../src/cli/failure.ts";
import { checkClasses, findLabelled, holdOut } from "../../src/cli/files/labelledPictures.ts";
import { stems } from "../../src/cli/files/outputs.ts";
import { layerNumbers, pictureSize } from "../../src/cli/options.ts";
import { makeProgram } from "../../src/cli/program.ts";

const DOG = "demos/photos/dog.jpg";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-usage-"));
  for (const path of [
    "two/a/1.png",
    "two/a/deeper/2.png",
    "two/b/3.jpg",
    "two/none.png",
    "one/a/1.png",
    "flat/1.png",
  ]) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), "not decoded here");
  }
  await mkdir(join(folder, "empty/a"), { recursive: true });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** The message of a command line that is refused, and how often it came to run. */
async function refusal(args: readonly string[]): Promise<{ message: string; runs: number }> {
  const run = vi.fn(async () => {});
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    await makeProgram(run).parseAsync(args, { from: "user" });
    return { message: "", runs: run.mock.calls.length };
  } catch (error) {
    expect(error instanceof UsageError || error instanceof CommanderError, String(error)).toBe(true);
    return { message: (error as Error).message, runs: run.mock.calls.length };
  } finally {
    stderr.mockRestore();
  }
}

describe("wrong usage is refused before anything runs", () => {
  const train = (...args: string[]) => ["probe", "train", "x", "--out", "x.safetensors", ...args];
  it.each<[string, string[], RegExp]>([
    ["features: no picture", ["features"], /missing required argument 'image'/],
    ["features: a format", ["features", DOG, "--out", "x.csv"], /must end in \.safetensors, \.npy, \.json/],
    ["features: layers for .npy", ["features", DOG, "--layers", "-1,-4", "--out", "x.npy"], /holds one array/],
    ["features: no folder", ["features", DOG, "--out", "/no/such/x.npy"], /there is no folder \/no\/such/],
    ["a layer", ["features", DOG, "--layers", "-1,last"], /whole numbers/],
    ["a size of nothing", ["features", DOG, "--size", "0"], /HEIGHTxWIDTH/],
    ["a size of three", ["features", DOG, "--size", "1x2x3"], /HEIGHTxWIDTH/],
    ["attention: no place", ["attention", DOG], /required option '--out <place>'/],
    ["attention: a JPEG", ["attention", DOG, "--out", "x.jpg"], /must end in \.png or be a folder/],
    ["attention: a file", ["attention", DOG, "--out", "package.json"], /is a file, expected a folder/],
    ["attention: no folder", ["attention", DOG, "--out", "/no/such/maps"], /there is no folder \/no\/such/],
    ["attention: a mass", ["attention", DOG, "--out", "x.png", "--mass", "60"], /at most 1/],
    ["pca: a side", ["pca", DOG, "--out", "x.png", "--foreground", "top"], /Allowed choices are none, high, low/],
    ["match: one picture", ["match", DOG], /missing required argument 'b'/],
    ["match: a folder", ["match", DOG, DOG, "--out", "maps"], /must end in \.png/],
    ["match: a count", ["match", DOG, DOG, "--top", "0"], /whole number from 1/],
    ["train: two measures", train("--test", "y", "--holdout", "0.2"), /one of --test and --holdout/],
    ["train: k-NN of nothing", train("--knn"), /give --test or --holdout/],
    ["train: all held out", train("--holdout", "1"), /nothing to train on/],
    ["train: a format", ["probe", "train", "x", "--out", "x.npy"], /must end in \.safetensors/],
    ["predict: no picture", ["probe", "predict", "x.safetensors"], /missing required argument 'image'/],
  ])("%s", async (_, args, message) => {
    const { message: said, runs } = await refusal(args);
    expect(said).toMatch(message);
    expect(runs).toBe(0);
  });

  it("and what can be meant runs", async () => {
    expect(await refusal(["features", DOG, "--size", "64x96", "--layers", "-1,0"])).toEqual({ message: "", runs: 1 });
    expect(await refusal(["attention", DOG, "--out", join(folder, "new")])).toEqual({ message: "", runs: 1 });
    expect(await refusal(train("--holdout", "0.2", "--knn"))).toEqual({ message: "", runs: 1 });
  });
});

describe("help", () => {
  it.each(["features", "attention", "pca", "match", "probe train", "probe predict"])("of %s", async (name) => {
    const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const { message } = await refusal([...name.split(" "), "--help"]);
    const text = stdout.mock.calls.map(([part]) => String(part)).join("");
    stdout.mockRestore();
    expect(message).toBe("(outputHelp)");
    expect(text).toMatch(new RegExp(`^Usage: webgpu-vision ${name}`));
    expect(text).toMatch(/--model <source>[\s\S]*--json/);
    expect(text).toMatch(new RegExp(`Examples:\\n {2}\\$ webgpu-vision ${name}`));
  });
});

describe("options", () => {
  it("read sizes and layers", () => {
    expect([pictureSize("480"), pictureSize("480x640")]).toEqual([480, [480, 640]]);
    expect(layerNumbers("-1,-4,-1, 0")).toEqual([-1, -4, 0]);
  });
});

describe("stems", () => {
  it("name each picture once, URLs too", () => {
    const paths = ["a/cat.jpg", "b/cat.png", "https://example.org/cat.jpeg?size=1#x", "dog.tar.gz"];
    expect(stems(paths)).toEqual(["cat", "cat-2", "cat-3", "dog.tar"]);
  });
});

describe("pictures in a folder for each class", () => {
  const classes = async (name: string) => {
    const pictures = await findLabelled(join(folder, name));
    checkClasses(join(folder, name), pictures);
    return pictures;
  };

  it("have the name of the folder, however deep they lie; what lies beside has no class", async () => {
    const labels = await classes("two");
    expect(labels.map(({ path, label }) => [path.slice(folder.length), label])).toEqual([
      ["/two/a/1.png", "a"],
      ["/two/a/deeper/2.png", "a"],
      ["/two/b/3.jpg", "b"],
    ]);
  });

  it.each([
    ["one", /one has pictures of one class, a: expected a folder for each of two/],
    ["flat", /no folders of pictures in .*flat: its pictures lie in no folder of a class/],
    ["empty", /no folders of pictures in .*empty: looked for \.jpg/],
    ["missing", /the folder .*missing does not exist/],
  ])("a folder that has none: %s", async (name, message) => {
    await expect(classes(name)).rejects.toThrow(message);
  });

  it("are held out class by class, by the seed, one at least left in each", () => {
    const pictures = Array.from({ length: 25 }, (_, i) => ({
      path: `${i}.png`,
      label: i < 20 ? "many" : i < 24 ? "few" : "one",
    }));
    const { train, test } = holdOut(pictures, 0.25, 1);
    const count = (list: typeof test, label: string) => list.filter((picture) => picture.label === label).length;
    expect(["many", "few", "one"].map((label) => count(test, label))).toEqual([5, 1, 0]);
    expect([...train, ...test].map(({ path }) => path).sort()).toEqual(pictures.map(({ path }) => path).sort());
    expect(holdOut(pictures, 0.25, 1)).toEqual({ train, test });
    expect(holdOut(pictures, 0.25, 2).test).not.toEqual(test);
    expect(holdOut(pictures, 1, 1).train.map(({ label }) => label)).toEqual(["many", "few", "one"]);
    expect(() => holdOut(pictures.slice(20), 0.01, 1)).toThrow(/larger share, or --test/);
  });
});
