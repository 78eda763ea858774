// Checkpoints as model folders hold them: one file, an index with shards, open_clip's name; and indexes that are wrong.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { openCheckpoint, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";

const floats = (...values: number[]) => ({
  dtype: "F32" as const,
  shape: [values.length],
  data: new Float32Array(values),
});
const weights = writeSafetensors({ a: floats(1, 2), b: floats(3) });
const readFloats = async (bytes: Promise<Uint8Array<ArrayBuffer>> | undefined) => [
  ...new Float32Array((await bytes)?.buffer ?? new ArrayBuffer(0)),
];

describe("sharded checkpoints", () => {
  const INDEX = "model.safetensors.index.json";
  let sharded = "";
  beforeEach(async () => {
    sharded = await mkdtemp(join(tmpdir(), "sharded-"));
    await writeFile(
      join(sharded, "m-1.safetensors"),
      writeSafetensors({ a: floats(1), z: floats(9) }, { format: "pt" }),
    );
    await writeFile(join(sharded, "m-2.safetensors"), writeSafetensors({ b: floats(2) }));
  });
  afterEach(() => rm(sharded, { recursive: true, force: true }));

  const openWith = async (index: unknown) => {
    await writeFile(join(sharded, INDEX), JSON.stringify(index));
    return openCheckpoint(await openSource(sharded));
  };

  test("tensors come from the shards that the index names", async () => {
    const map = { b: "m-2.safetensors", a: "m-1.safetensors" };
    const checkpoint = await openWith({ metadata: { total_size: 8 }, weight_map: map });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(["a", "b"]);
    expect(await readFloats(checkpoint.tensors.get("a")?.read())).toEqual([1]);
    expect(await readFloats(checkpoint.tensors.get("b")?.read())).toEqual([2]);
    expect(checkpoint.metadata).toEqual({ format: "pt" });
    await checkpoint.close();
  });

  test.each([
    ["a path upwards", { a: "../m-1.safetensors" }, /places tensor "a" in "..\/m-1.safetensors"/],
    ["an absolute path", { a: "/etc/m.safetensors" }, /expected a .safetensors file beside it/],
    ["a backslash", { a: "..\\m-1.safetensors" }, /expected a .safetensors file beside it/],
    ["another kind of file", { a: "config.json" }, /expected a .safetensors file beside it/],
    ["a number", { a: 1 }, /places tensor "a" in 1/],
    ["no tensors", {}, /names no tensors/],
    [
      "thousands of files",
      Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `s${i}.safetensors`])),
      /names 1001 files, expected 1000 at most/,
    ],
    ["a list", ["m-1.safetensors"], /has no "weight_map" object/],
    ["a tensor that the shard lacks", { a: "m-2.safetensors" }, /places tensor "a" in m-2.safetensors, which lacks it/],
  ])("refuses %s", async (_what, map, message) => {
    await expect(openWith({ weight_map: map })).rejects.toThrow(InvalidFileError);
    await expect(openWith({ weight_map: map })).rejects.toThrow(message);
  });

  test("a shard that is not there, and no weights at all", async () => {
    await expect(openWith({ weight_map: { a: "m-3.safetensors" } })).rejects.toThrow(NotFoundError);
    await expect(openWith({ weight_map: { a: "m-3.safetensors" } })).rejects.toThrow(/lacks m-3.safetensors/);
    await expect(openWith([])).rejects.toThrow(InvalidFileError);
    await rm(join(sharded, INDEX));
    await expect(openCheckpoint(await openSource(sharded))).rejects.toThrow(`${sharded} has no weights`);
  });

  test("open_clip_model.safetensors is the last to be looked for", async () => {
    await writeFile(join(sharded, "open_clip_model.safetensors"), weights);
    const checkpoint = await openCheckpoint(await openSource(sharded));
    expect([...checkpoint.tensors.keys()]).toEqual(["a", "b"]);
    await checkpoint.close();
  });

  test("a broken file is named with its folder", async () => {
    await writeFile(join(sharded, "model.safetensors"), weights.subarray(0, -1));
    await expect(openCheckpoint(await openSource(sharded))).rejects.toThrow(
      `model.safetensors of ${sharded} is cut off`,
    );
  });
});
