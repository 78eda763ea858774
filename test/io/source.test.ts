// Folders and bytes as sources, and what a string is taken for.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { openCheckpoint, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceLike } from "../../src/io/source/source.ts";

const CONFIG = { model_type: "clip" };
const floats = (...values: number[]) => ({
  dtype: "F32" as const,
  shape: [values.length],
  data: new Float32Array(values),
});
const weights = writeSafetensors({ a: floats(1, 2), b: floats(3) });

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "source-"));
  await writeFile(join(folder, "config.json"), JSON.stringify(CONFIG));
  await writeFile(join(folder, "model.safetensors"), weights);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readFloats = async (bytes: Promise<Uint8Array<ArrayBuffer>> | undefined) => [
  ...new Float32Array((await bytes)?.buffer ?? new ArrayBuffer(0)),
];

describe("folders and bytes", () => {
  const places: [string, () => SourceLike][] = [
    ["a path", () => folder],
    ["a relative path", () => relative(process.cwd(), folder)],
    ["a file URL", () => pathToFileURL(folder)],
    ["a file URL as text", () => pathToFileURL(folder).href],
    ["bytes", () => ({ config: CONFIG, weights })],
    ["an ArrayBuffer", () => ({ config: CONFIG, weights: weights.buffer })],
    [
      "files",
      () => [
        new File([JSON.stringify(CONFIG)], "config.json"),
        new File([weights], "model.safetensors"),
        new File(["{}"], "model.safetensors.index.json"),
      ],
    ],
    ["a Blob", () => ({ config: CONFIG, weights: new Blob([weights]) })],
  ];

  test.each(places)("%s", async (_what, place) => {
    const source = await openSource(place());
    expect(await source.json("config.json")).toEqual(CONFIG);
    expect(await source.json("tokenizer.json")).toBeUndefined();
    expect(await source.open("merges.txt")).toBeUndefined();
    const checkpoint = await openCheckpoint(source);
    expect(await readFloats(checkpoint.tensors.get("a")?.read())).toEqual([1, 2]);
    await checkpoint.close();
  });

  test("bytes: tokenizer and preprocessor as parsed JSON, or as files", async () => {
    const source = await openSource({ config: CONFIG, weights, tokenizer: { model: 1 }, preprocessor: { size: 8 } });
    expect(await source.json("preprocessor_config.json")).toEqual({ size: 8 });
    const file = await source.open("tokenizer.json");
    expect(new TextDecoder().decode(await file?.read(0, file.size))).toBe('{"model":1}');
  });

  test.each([
    [undefined],
    [null],
    [7],
    [{}],
    [{ config: CONFIG }],
    [{ config: null, weights }],
    [{ config: CONFIG, weights: "x" }],
  ])("%j is no source", async (what) => {
    await expect(openSource(what as unknown as string)).rejects.toThrow(ArgumentError);
  });

  test("JSON that is none, or another format", async () => {
    const write = (text: string) => writeFile(join(folder, "broken.json"), text);
    const source = await openSource(folder);
    await write('{"a":');
    await expect(source.json("broken.json")).rejects.toThrow(InvalidFileError);
    await expect(source.json("broken.json")).rejects.toThrow(`broken.json of ${folder} is not valid JSON`);
    await write("version https://git-lfs.github.com/spec/v1\n");
    await expect(source.json("broken.json")).rejects.toThrow(/git-lfs pointer/);
    await write("<!doctype html><title>Not found</title>");
    await expect(source.json("broken.json")).rejects.toThrow(/web page/);
  });
});

describe("what a string is taken for", () => {
  test.each(["./no/such/folder", "/no/such/folder", "../no-such", "~/no-such", "C:\\no\\such"])(
    "%s: no folder",
    async (path) => {
      await expect(openSource(path)).rejects.toThrow(NotFoundError);
      await expect(openSource(path)).rejects.toThrow(`there is no folder ${path}`);
    },
  );

  test.each(["no-such-model", "a/b/c", "a b/c", "owner/..", "owner/name@", "owner/name@../x", ""])(
    "%j: nothing known",
    async (text) => {
      await expect(openSource(text)).rejects.toThrow(NotFoundError);
      await expect(openSource(text)).rejects.toThrow(
        /is no folder here and no Hub id: give a folder, an http\(s\) URL/,
      );
    },
  );

  test("a URL that is none, and one of another kind", async () => {
    await expect(openSource("http://")).rejects.toThrow(ArgumentError);
    await expect(openSource(new URL("ftp://host/folder"))).rejects.toThrow(/ftp:\/\/host\/folder cannot be read here/);
  });

  test("a file instead of a folder", async () => {
    await expect(openSource(join(folder, "config.json"))).rejects.toThrow(/is a file: give the folder/);
  });

  test("an existing folder wins over a Hub id", async () => {
    const before = process.cwd();
    await mkdir(join(folder, "owner/name"), { recursive: true });
    await writeFile(join(folder, "owner/name/config.json"), "[]");
    process.chdir(folder);
    try {
      expect(await (await openSource("owner/name")).json("config.json")).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });
});
