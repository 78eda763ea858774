// Rows in a folder: what was appended is there when it is opened again, whatever happened to the page.
import { describe, expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import { encodeRows, type RowType, StoredRows } from "../../src/search.ts";
import { type Contents, memoryFolder } from "./memoryFolder.ts";

const CHANNELS = 5;

function numbers(count: number, seed: number) {
  const next = random(seed);
  return { data: Float32Array.from({ length: count * CHANNELS }, () => next() - 0.5), shape: [count, CHANNELS] };
}

describe.each<RowType>(["f32", "f16", "i8"])("%s", (dtype) => {
  it("reads any rows of what was appended, also when it is opened again", async () => {
    const contents: Contents = new Map();
    const rows = await StoredRows.open(memoryFolder(contents), { channels: CHANNELS, dtype });
    const all = numbers(60, 1);
    const part = (from: number, to: number) => ({
      data: all.data.subarray(from * CHANNELS, to * CHANNELS),
      shape: [to - from, CHANNELS],
    });
    const firsts = await Promise.all(
      [
        [0, 7],
        [7, 8],
        [8, 8],
        [8, 60],
      ].map(([from = 0, to = 0]) => {
        return rows.append(encodeRows(part(from, to), dtype));
      }),
    );
    expect(firsts).toEqual([0, 7, 8, 8]);
    const again = await StoredRows.open(memoryFolder(contents), { channels: CHANNELS, dtype });
    for (const stored of [rows, again]) {
      expect(stored.count).toBe(60);
      for (const [first, count] of [
        [0, 60],
        [6, 3],
        [7, 1],
        [30, 30],
        [59, 1],
        [0, 0],
      ] as const) {
        expect(await stored.read(first, count)).toEqual(encodeRows(part(first, first + count), dtype));
      }
    }
    expect(again.bytes).toBe(60 * (CHANNELS * { f32: 4, f16: 2, i8: 1 }[dtype] + (dtype === "i8" ? 4 : 0)));
  });

  it("loses nothing to a write that fails, and takes the next one", async () => {
    const contents: Contents = new Map();
    const options = { channels: CHANNELS, dtype };
    await (await StoredRows.open(memoryFolder(contents), options)).append(encodeRows(numbers(3, 1), dtype));
    const full = await StoredRows.open(memoryFolder(contents, 1), options);
    await expect(full.append(encodeRows(numbers(4, 2), dtype))).rejects.toThrow("the disk is full");
    expect(full.count).toBe(3);
    expect((await StoredRows.open(memoryFolder(contents), options)).count).toBe(3);
    await full.append(encodeRows(numbers(2, 3), dtype));
    const again = await StoredRows.open(memoryFolder(contents), options);
    expect(again.count).toBe(5);
    expect(await again.read(3, 2)).toEqual(encodeRows(numbers(2, 3), dtype));
  });
});

describe("refuses", () => {
  it("rows of another kind than the folder has, or than it takes", async () => {
    const contents: Contents = new Map();
    const rows = await StoredRows.open(memoryFolder(contents), { channels: CHANNELS, dtype: "f16" });
    await expect(rows.append(encodeRows(numbers(2, 1), "f32"))).rejects.toThrow(
      "these are no rows of 5 elements of f16",
    );
    await expect(rows.append({ rows: new Uint16Array(7) })).rejects.toThrow("these are no rows of 5 elements");
    await expect(StoredRows.open(memoryFolder(contents), { channels: 6, dtype: "f16" })).rejects.toThrow(
      'rows/rows.json is {"version":1,"channels":5,"dtype":"f16"}, expected {"version":1,"channels":6,"dtype":"f16"}',
    );
    await expect(StoredRows.open(memoryFolder(contents), { channels: 0, dtype: "f16" })).rejects.toThrow("0 elements");
  });

  it("a file that was cut off", async () => {
    const contents: Contents = new Map();
    const options = { channels: CHANNELS, dtype: "f16" } as const;
    await (await StoredRows.open(memoryFolder(contents), options)).append(encodeRows(numbers(3, 1), "f16"));
    contents.set("0000000000.rows", new Uint8Array(29));
    await expect(StoredRows.open(memoryFolder(contents), options)).rejects.toThrow("has 29 bytes, no whole rows");
  });
});
