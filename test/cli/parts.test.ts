// Parts of the command line by themselves: identity of a checkpoint, failures, options, tables, paths.

import { cp, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { describeFailure, EXIT, UsageError } from "../../src/cli/failure.ts";
import { checkpointIdentity } from "../../src/cli/files/identity.ts";
import { packageVersion, shippedCheckpoint } from "../../src/cli/files/paths.ts";
import { writeWhole } from "../../src/cli/files/writeWhole.ts";
import { readLabels } from "../../src/cli/options.ts";
import { bar, pairs, short, table } from "../../src/cli/table.ts";
import { CheckpointError } from "../../src/device/errors.ts";
import { cacheFolder } from "../../src/device/userCache.ts";
import { openSource } from "../../src/io/source/openSource.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-parts-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("checkpointIdentity", () => {
  const identity = async (path: string) => checkpointIdentity(await openSource(path));

  it("is that of the files, not of their place, and changes with a weight or a setting", async () => {
    const original = await identity("checkpoints/tiny-clip");
    const copy = join(folder, "copy");
    await cp("checkpoints/tiny-clip", copy, { recursive: true });
    expect(await identity(copy)).toBe(original);
    const weights = await open(join(copy, "model.safetensors"), "r+");
    const { size } = await weights.stat();
    const last = Buffer.alloc(1);
    await weights.read(last, 0, 1, size - 1);
    await weights.write(Buffer.of((last[0] as number) ^ 1), 0, 1, size - 1);
    const retrained = await identity(copy);
    expect(retrained).not.toBe(original);
    await weights.write(last, 0, 1, size - 1);
    await weights.close();
    expect(await identity(copy)).toBe(original);
    await writeFile(join(copy, "preprocessor_config.json"), '{ "do_resize": false }');
    expect(new Set([original, retrained, await identity(copy)]).size).toBe(3);
  });
});

describe("describeFailure", () => {
  it("shows a typed error's message, and no trace unless asked", () => {
    const error = new CheckpointError("the file lacks a tensor: download it again");
    expect(describeFailure(error)).toEqual({ code: EXIT.FAILURE, message: `error: ${error.message}` });
    vi.stubEnv("WEBGPU_VISION_DEBUG", "1");
    expect(describeFailure(error).message).toMatch(/parts\.test\.ts:\d+/);
  });

  it("asks to report what nobody expected, in one line of its own", () => {
    const { code, message } = describeFailure(new RangeError("first line\nsecond line"));
    expect(code).toBe(EXIT.FAILURE);
    expect(message).toMatch(/^error: first line\n[^\n]*report[^\n]*WEBGPU_VISION_DEBUG=1[^\n]*$/);
  });

  it("knows wrong usage, help, and Ctrl-C", () => {
    expect(describeFailure(new UsageError("no labels"))).toEqual({ code: EXIT.USAGE, message: "error: no labels" });
    expect(describeFailure(new CommanderError(1, "commander.unknownOption", "x"))).toEqual({ code: 2, message: "" });
    expect(describeFailure(new CommanderError(0, "commander.helpDisplayed", "x"))).toEqual({ code: 0, message: "" });
    expect(describeFailure(new Error("This operation was aborted"), true)).toEqual({ code: 130, message: "cancelled" });
  });
});

describe("readLabels", () => {
  it("trims, leaves out what is empty and what was there", async () => {
    expect(await readLabels({ labels: " a cat, dog ,,dog" })).toEqual(["a cat", "dog"]);
    const labelsFile = join(folder, "labels.txt");
    await writeFile(labelsFile, "\ufeffa, b\r\n\r\n  c\n");
    expect(await readLabels({ labelsFile })).toEqual(["a, b", "c"]);
  });
});

describe("tables", () => {
  it("align columns by what a terminal shows", () => {
    const rows = [
      ["猫", "1"],
      ["\x1b[1mdog", "22"],
      ["e\u0301", ""],
    ];
    expect(table(rows, "lr", "> ").split("\n")).toEqual(["> 猫           1", "> \\x1b[1mdog  22", "> e\u0301"]);
    expect(pairs({ a: "1", long: undefined, bcd: "2" })).toBe("  a    1\n  bcd  2");
    expect(table([], "lr")).toBe("");
  });

  it("bars are as long as their share, in eighths", () => {
    expect([bar(0, 4), bar(0.5, 4), bar(1, 4), bar(1 / 32, 4)]).toEqual(["    ", "██  ", "████", "▏   "]);
    expect([bar(2, 4), bar(-1, 4), bar(Number.NaN, 4)]).toEqual(["████", "    ", "    "]);
  });

  it("numbers are short", () => {
    expect([short(0), short(999), short(1234567), short(8.8e9, "FLOP")]).toEqual(["0", "999", "1.2 M", "8.8 GFLOP"]);
  });
});

describe("paths", () => {
  it("finds the package", async () => {
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
    expect(await readdir(shippedCheckpoint("tiny-clip"))).toContain("model.safetensors");
  });

  it("keeps its cache where the user says", () => {
    vi.stubEnv("XDG_CACHE_HOME", "/some/cache");
    expect(cacheFolder()).toBe(join("/some/cache", "webgpu-vision"));
  });
});

describe("writeWhole", () => {
  it("replaces a file, or leaves the old one and nothing else", async () => {
    const place = await mkdtemp(join(folder, "whole-"));
    await writeWhole(join(place, "a.txt"), "old");
    await writeWhole(join(place, "a.txt"), "new");
    expect(await readdir(place)).toEqual(["a.txt"]);
    // A folder cannot be replaced by a file.
    await expect(writeWhole(place, "text")).rejects.toThrow(/cannot be written \(E/);
    expect((await readdir(folder)).filter((name) => name.endsWith(".partial"))).toEqual([]);
    await expect(writeWhole(join(place, "no", "b.txt"), "text")).rejects.toThrow(/b\.txt cannot be written \(ENOENT\)/);
  });
});
