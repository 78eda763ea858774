// What a command line names as pictures, how results are printed, and that nothing that comes from outside reaches a
// terminal as more than text: without a process or a GPU.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Context } from "../../src/cli/context.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { CocoFile } from "../../src/cli/files/cocoFile.ts";
import { namedPictures } from "../../src/cli/files/pictureArguments.ts";
import { failureOf } from "../../src/cli/files/pictures.ts";
import { PictureRun } from "../../src/cli/pictureRun.ts";
import { jsonText, printable, printableLine } from "../../src/cli/printable.ts";
import { documentOf, Report } from "../../src/cli/report.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { ImageError, LimitError } from "../../src/device/errors.ts";
import { encodeRle } from "../../src/masks/rle.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-pictures-"));
  for (const path of [
    "b.jpg",
    "a.PNG",
    "deep/c.webp",
    "deep/.hidden/d.png",
    "deep/er/e.jpg",
    "x[1].png",
    "notes.txt",
  ]) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), "not decoded here");
  }
  await writeFile(join(folder, "raw.cr2"), "");
  await mkdir(join(folder, "empty"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const inside = (path: string) => relative(folder, path);

/** Paths of what is found, and messages of what is not. */
async function found(...args: string[]) {
  const { inputs, failures, notes } = await namedPictures(args.map((arg) => (arg === "-" ? arg : join(folder, arg))));
  return { paths: inputs.map(({ path }) => inside(path)), failures: failures.map(({ message }) => message), notes };
}

describe("pictures of a command line", () => {
  it.each<[string, string[]]>([
    ["b.jpg", ["b.jpg"]],
    ["deep", ["deep/c.webp", "deep/er/e.jpg"]],
    ["deep/", ["deep/c.webp", "deep/er/e.jpg"]],
    ["*.{jpg,PNG}", ["a.PNG", "b.jpg"]],
    ["*", ["a.PNG", "b.jpg", "deep/c.webp", "deep/er/e.jpg", "x[1].png"]],
    ["**/*.jpg", ["b.jpg", "deep/er/e.jpg"]],
    ["deep/**", ["deep/c.webp", "deep/er/e.jpg"]],
    ["x[1].png", ["x[1].png"]], // a file of that name goes before a pattern
  ])("%s", async (arg, paths) => {
    expect(await found(arg)).toMatchObject({ paths, failures: [] });
  });

  it("say what is not there, and keep the order of the others", async () => {
    const { paths, failures } = await found("b.jpg", "gone.png", "empty", "*.tif", "*.txt", "b.jpg/x.png", "deep");
    expect(paths).toEqual(["b.jpg", "deep/c.webp", "deep/er/e.jpg"]);
    expect(failures).toEqual([
      expect.stringMatching(/^there is no file .*gone\.png: check the path$/),
      expect.stringMatching(/^no pictures in .*empty: looked for \.jpg/),
      expect.stringMatching(/^no picture matches .*\*\.tif: check the pattern$/),
      expect.stringMatching(/^no picture matches .*\*\.txt: what does is none of \.jpg/),
      expect.stringMatching(/^there is no file .*b\.jpg\/x\.png/),
    ]);
  });

  it("tell of formats that are not read", async () => {
    expect((await found(".")).notes).toEqual([expect.stringMatching(/^warning: .*raw\.cr2 is left out/)]);
  });

  it("leave URLs as they are, and read the standard input once", async () => {
    const url = "https://example.org/cat.jpg?size=1";
    const bytes = Uint8Array.of(1, 2, 3);
    const { inputs } = await namedPictures([url, "-"], undefined, async () => bytes);
    expect(inputs).toEqual([
      { path: url, name: "cat.jpg", image: url },
      { path: "stdin", name: "stdin", image: bytes },
    ]);
    const empty = await namedPictures(["-"], undefined, async () => new Uint8Array());
    expect(empty.failures).toEqual([{ path: "stdin", message: expect.stringMatching(/standard input is empty/) }]);
    await expect(namedPictures(["-", "a", "-"])).rejects.toThrow(UsageError);
  });

  it("have names within the folder that was named, as annotation tools know them", async () => {
    const { inputs } = await namedPictures([join(folder, "deep"), join(folder, "b.jpg")]);
    expect(inputs.map(({ name }) => name)).toEqual(["c.webp", "er/e.jpg", "b.jpg"]);
  });
});

describe("a run over pictures", () => {
  const contextOf = (strict: boolean) => {
    const terminal = new Terminal();
    const said = vi.spyOn(terminal, "error").mockReturnValue();
    const context = { options: { dtype: "f32", strict }, terminal, signal: new AbortController().signal };
    return { context: context as unknown as Context, said };
  };

  it("tells of each that fails at once, goes on, and ends with 1", async () => {
    const { context, said } = contextOf(false);
    const run = await PictureRun.find([join(folder, "b.jpg"), join(folder, "gone.png")], context);
    expect(said).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^warning: there is no file .*gone\.png/));
    run.fail(failureOf("b.jpg", new ImageError("[image] b.jpg cannot be decoded\nreally")));
    expect(said).toHaveBeenLastCalledWith("warning: b.jpg cannot be decoded\\nreally");
    expect(run.errors.map(({ path }) => inside(path).replace(/^.*\//, ""))).toEqual(["gone.png", "b.jpg"]);
    expect(run.exitCode).toBe(1);
    expect(() => run.checkAny()).toThrow("no picture could be read, so nothing was written");
    run.succeed();
    expect(() => run.checkAny()).not.toThrow();
  });

  it("ends at the first with --strict, before anything is loaded", async () => {
    const { context, said } = contextOf(true);
    const args = [join(folder, "b.jpg"), join(folder, "gone.png")];
    await expect(PictureRun.find(args, context)).rejects.toThrow(/there is no file .*gone\.png/);
    const run = await PictureRun.find([join(folder, "b.jpg")], context);
    expect(() => run.fail({ path: "b.jpg", message: "b.jpg is broken" })).toThrow("b.jpg is broken");
    expect(said).not.toHaveBeenCalled();
  });

  it("names the picture in messages that do not", () => {
    const error = new LimitError("an activation [1, 9] needs 9 GiB");
    expect(failureOf("big.jpg", error).message).toBe("big.jpg: an activation [1, 9] needs 9 GiB");
    expect(failureOf("stdin", new ImageError("[image] the picture is none")).message).toBe(
      "stdin: the picture is none",
    );
  });
});

describe("text for terminals", () => {
  const EVIL = "a\x1b[31m\x9b2J\x07\x7f\u202egpj.\n.png";

  it("shows control characters and reversals, and obeys none", () => {
    expect(printableLine(EVIL)).toBe("a\\x1b[31m\\x9b2J\\x07\\x7f\\u202egpj.\\n.png");
    expect(printable("two\nlines\r")).toBe("two\nlines\\r");
    expect(printableLine("猫 é 👩‍👧 – ok")).toBe("猫 é 👩‍👧 – ok");
  });

  it("keeps JSON what it was", () => {
    const text = jsonText({ [EVIL]: [EVIL] }, 2);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(JSON.parse(text)).toEqual({ [EVIL]: [EVIL] });
  });

  it("goes through Terminal, whose own styles are all that is obeyed", () => {
    const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const wasTerminal = process.stdout.isTTY;
    vi.stubEnv("NO_COLOR", "");
    vi.stubEnv("TERM", "xterm");
    process.stdout.isTTY = true;
    const terminal = new Terminal();
    terminal.result(`${terminal.bold(EVIL)}\n${EVIL}`);
    process.stdout.isTTY = wasTerminal;
    vi.unstubAllEnvs();
    const text = stdout.mock.calls.map(([part]) => String(part)).join("");
    stdout.mockRestore();
    expect(text.startsWith("\x1b[1ma\\x1b[31m")).toBe(true);
    expect(text.replaceAll("\x1b[1m", "").replaceAll("\x1b[22m", "")).not.toMatch(
      /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/,
    );
  });
});

describe("reports", () => {
  const head = { model: "m", dtype: "f32" };
  const rows = [{ image: "a" }, { image: "b" }, { image: "c" }];

  it.each([0, 1, 3])("are one document with --json, a row a line: %i rows", (count) => {
    const text = documentOf(head, rows.slice(0, count), { errors: [] });
    expect(JSON.parse(text)).toEqual({ ...head, results: rows.slice(0, count), errors: [] });
    expect(text.endsWith("}\n")).toBe(true);
    expect(text.trimEnd().split("\n")).toHaveLength(Math.max(1, count));
  });

  it("are the rows alone with --jsonl, and nothing for people", () => {
    const lines: string[] = [];
    const terminal = { write: (text: string) => lines.push(text), result: (text: string) => lines.push(text) };
    for (const options of [{ jsonl: true }, {}]) {
      const report = new Report(terminal as unknown as Terminal, options, head);
      for (const row of rows) report.row(row);
      report.end({ errors: [] });
    }
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
  });
});

describe("a COCO file", () => {
  const segmentation = encodeRle({ width: 2, height: 1, data: Uint8Array.of(0, 1) });
  const picture = (fileName: string, count = 1) => {
    return { fileName, width: 2, height: 1, masks: Array.from({ length: count }, () => ({ segmentation })) };
  };
  const options = { description: "Masks by m", isNew: false };

  it("grows from run to run, and is in its place only when it is whole", async () => {
    const out = join(folder, "new");
    const path = join(out, "coco.json");
    const first = await CocoFile.open(path, options);
    await first.close();
    await expect(readdir(out), "nothing was added").rejects.toThrow(/ENOENT/);
    await first.add(picture("a", 2));
    await first.add(picture("none", 0));
    expect(await readdir(out)).toEqual([expect.stringMatching(/\.partial$/)]);
    await first.close();

    const second = await CocoFile.open(path, options);
    expect(["a", "none", "b"].map((name) => second.has(name))).toEqual([true, true, false]);
    await second.add(picture("b"));
    await second.close();
    expect(await readdir(out)).toEqual(["coco.json"]);
    const { images, annotations } = JSON.parse(await readFile(path, "utf8"));
    expect(images.map(({ id, file_name }: { id: number; file_name: string }) => [id, file_name])).toEqual([
      [1, "a"],
      [2, "none"],
      [3, "b"],
    ]);
    const ids = annotations.map(({ id, image_id }: { id: number; image_id: number }) => [id, image_id]);
    expect(ids).toEqual([
      [1, 1],
      [2, 1],
      [3, 3],
    ]);

    const anew = await CocoFile.open(path, { ...options, isNew: true });
    expect(anew.has("a")).toBe(false);
  });

  it("does not write over what others made, unless it is to be made anew", async () => {
    const path = join(folder, "theirs.json");
    for (const text of ["no JSON", '{"images":[],"annotations":[],"info":{"contributor":"me"}}']) {
      await writeFile(path, text);
      await expect(CocoFile.open(path, options)).rejects.toThrow(/theirs\.json is there already.*--force/);
      expect(await readFile(path, "utf8")).toBe(text);
    }
    const file = await CocoFile.open(path, { ...options, isNew: true });
    await file.add(picture("a"));
    await file.close();
    expect(JSON.parse(await readFile(path, "utf8")).images).toHaveLength(1);
  });

  it("leaves the old file where a mask is none", async () => {
    const path = join(folder, "old.json");
    const file = await CocoFile.open(path, options);
    await file.add(picture("a"));
    await expect(file.add({ ...picture("b"), width: 3 })).rejects.toThrow(/a mask of b is 2 x 1/);
    await file.close();
    expect(await readdir(folder)).not.toContain("old.json");
  });
});
