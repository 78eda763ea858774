// Exact search, held to a search in float64 over the same stored numbers.
import { afterEach, describe, expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import {
  decodeRows,
  ExactSearch,
  encodeRows,
  type Neighbour,
  type RowSource,
  type RowType,
  rowsInMemory,
} from "../../src/search.ts";
import { testDevice } from "../adapters.ts";

const open: ExactSearch[] = [];
afterEach(() => {
  for (const search of open.splice(0)) search.dispose();
});

async function opened(rows: NdArray | RowSource, options: Parameters<typeof ExactSearch.open>[1] = {}) {
  const search = await ExactSearch.open(rows, { device: await testDevice(), ...options });
  open.push(search);
  return search;
}

/** Rows of unit length. */
function vectors(count: number, channels: number, seed: number): NdArray {
  const next = random(seed);
  const data = new Float32Array(count * channels);
  for (let row = 0; row < count; row++) {
    const values = Array.from({ length: channels }, () => 2 * next() - 1);
    const length = Math.hypot(...values);
    data.set(
      values.map((value) => value / length),
      row * channels,
    );
  }
  return { data, shape: [count, channels] };
}

/** The k best by float64, of equals the first. */
function searched(rows: NdArray, queries: NdArray, k: number, isAllowed: (row: number) => boolean = () => true) {
  const [count = 0, channels = 0] = rows.shape;
  return Array.from({ length: queries.shape[0] ?? 0 }, (_, q) => {
    const neighbours: Neighbour[] = [];
    for (let index = 0; index < count; index++) {
      let score = 0;
      for (let c = 0; c < channels; c++) {
        score += (rows.data[index * channels + c] as number) * (queries.data[q * channels + c] as number);
      }
      if (isAllowed(index)) neighbours.push({ index, score });
    }
    return neighbours.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, k);
  });
}

/** Equal scores, and equal rows wherever the next best is not as good within rounding. */
function expectEqual(got: readonly Neighbour[][], expected: readonly Neighbour[][]): void {
  expect(got.map((neighbours) => neighbours.length)).toEqual(expected.map((neighbours) => neighbours.length));
  for (const [q, neighbours] of got.entries()) {
    for (const [i, { index, score }] of neighbours.entries()) {
      const want = expected[q]?.[i] as Neighbour;
      expect(Math.abs(score - want.score)).toBeLessThan(2e-6);
      const isTie = expected[q]?.some((other) => other.index === index && Math.abs(other.score - want.score) < 2e-6);
      if (index !== want.index) expect([q, i, index, isTie]).toEqual([q, i, index, true]);
    }
  }
}

/** A source that counts what is read of it. */
function counted(source: RowSource) {
  const counts = { reads: 0, rows: 0 };
  const read: RowSource["read"] = (first, count, signal) => {
    counts.reads++;
    counts.rows += count;
    return source.read(first, count, signal);
  };
  return { source: { ...source, count: source.count, channels: source.channels, dtype: source.dtype, read }, counts };
}

describe("finds the best rows", () => {
  it.each<[RowType, number, number, number, number]>([
    ["f32", 1000, 64, 3, 10],
    ["f32", 257, 30, 1, 257], // no whole words of 16 bytes, and all rows
    ["f16", 1000, 512, 2, 20],
    ["f16", 333, 21, 5, 7],
    ["i8", 1000, 128, 2, 10],
    ["i8", 65, 50, 70, 3], // more queries than run at once
    ["f32", 5000, 16, 2, 1000],
  ])("%s, %d rows of %d, %d queries, k = %d", async (dtype, count, channels, asked, k) => {
    const block = encodeRows(vectors(count, channels, 1), dtype);
    const stored = { data: decodeRows(block, channels), shape: [count, channels] };
    const queries = vectors(asked, channels, 2);
    const search = await opened(vectors(count, channels, 1), { dtype });
    expectEqual(await search.search(queries, { k }), searched(stored, queries, k));
  });

  it("of equals the first, over blocks too", async () => {
    const one = vectors(1, 16, 3);
    const rows = {
      data: Float32Array.from({ length: 16 * 500 }, (_, i) => one.data[i % 16] as number),
      shape: [500, 16],
    };
    const search = await opened(rows, { rowMemory: 2 * 128 * 64 });
    const [neighbours] = await search.search(one, { k: 300 });
    expect(neighbours?.map(({ index }) => index)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it("only of those that are allowed, and no more than there are", async () => {
    const [rows, queries] = [vectors(1000, 32, 4), vectors(2, 32, 5)];
    const isAllowed = (row: number) => row % 7 === 3 || row > 990;
    const allowed = new Uint32Array(32);
    for (let row = 0; row < 1000; row++) {
      if (isAllowed(row)) allowed[row >> 5] = ((allowed[row >> 5] as number) | (1 << (row & 31))) >>> 0;
    }
    const search = await opened(rows, { rowMemory: 300 * 128 });
    expectEqual(await search.search(queries, { k: 5, allowed }), searched(rows, queries, 5, isAllowed));
    expectEqual(await search.search(queries, { k: 400, allowed }), searched(rows, queries, 400, isAllowed));
    expect(await search.search(queries, { allowed: new Uint32Array(32) })).toEqual([[], []]);
  });

  it("nothing where there is nothing", async () => {
    const search = await opened({ data: new Float32Array(0), shape: [0, 8] });
    expect(await search.search(vectors(2, 8, 1))).toEqual([[], []]);
    const some = await opened(vectors(3, 8, 1));
    expect(await some.search({ data: new Float32Array(0), shape: [0, 8] })).toEqual([]);
    expect((await some.search(vectors(1, 8, 1), { k: 9 }))[0]).toHaveLength(3);
  });
});

describe("memory", () => {
  const rows = vectors(2000, 64, 6);
  const queries = vectors(2, 64, 7);

  it("rows that have room stay on the GPU, others pass through", async () => {
    const { source, counts } = counted(rowsInMemory(rows));
    const all = await opened(source);
    await all.search(queries);
    await all.search(queries);
    expect(counts.rows).toBe(2000);
    const few = counted(source);
    const rowMemory = 3 * 256 * 512; // three blocks of eight: two stay
    const passing = await opened(few.source, { rowMemory });
    const device = await testDevice();
    const before = device.memory.bytes;
    expectEqual(await passing.search(queries), searched(rows, queries, 10));
    expect(few.counts.rows).toBe(2000);
    expectEqual(await passing.search(queries), searched(rows, queries, 10));
    expect(few.counts.rows).toBeGreaterThan(2000);
    expect(few.counts.rows).toBeLessThan(4000);
    const searching = 2 * 3072 * (4 + 2 * 8) + (1 << 16); // products and what comes of them
    expect(device.memory.bytes - before).toBeLessThan(rowMemory + searching);
    passing.dispose();
    all.dispose();
  });

  it("a source that grows is searched as far as it goes", async () => {
    const { source, counts } = counted(rowsInMemory(rows));
    const first = (count: number) => ({ data: rows.data.subarray(0, count * 64), shape: [count, 64] });
    for (const rowMemory of [512 << 20, 3 * 256 * 512]) {
      const growing = { ...source, count: 0 };
      const search = await opened(growing, { rowMemory });
      for (const count of [0, 100, 101, 700, 700, 1999, 2000]) {
        growing.count = count;
        expect(search.count).toBe(count);
        expectEqual(await search.search(queries, { k: 7 }), searched(first(count), queries, 7));
      }
      const before = counts.rows;
      await search.search(queries);
      if (rowMemory > 1 << 20) expect(counts.rows).toBe(before);
    }
  });

  it("is given back", async () => {
    const device = await testDevice();
    const before = device.memory.bytes;
    const search = await ExactSearch.open(rows, { device });
    await search.search(queries);
    search.dispose();
    expect(device.memory.bytes).toBe(before);
    await expect(search.search(queries)).rejects.toMatchObject({ name: "DisposedError" });
  });

  it("searches at once are each right", async () => {
    const search = await opened(rows, { rowMemory: 2 * 256 * 512 });
    const many = Array.from({ length: 6 }, (_, i) => vectors(1 + i, 64, 10 + i));
    const results = await Promise.all(many.map((some) => search.search(some, { k: 4 })));
    for (const [i, some] of many.entries()) expectEqual(results[i] as Neighbour[][], searched(rows, some, 4));
  });
});

describe("what goes wrong", () => {
  const rows = vectors(200, 8, 8);

  it.each<[string, NdArray, object, RegExp]>([
    ["another length", vectors(1, 9, 1), {}, /expected \[queries, 8\]/],
    ["no number", { data: Float32Array.of(1, 2, 3, Number.NaN, 5, 6, 7, 8), shape: [1, 8] }, {}, /query 0 holds NaN/],
    ["k of 0", vectors(1, 8, 1), { k: 0 }, /k is 0, expected/],
    ["k beyond bounds", vectors(1, 8, 1), { k: 1025 }, /k is 1025/],
    ["too few bits", vectors(1, 8, 1), { allowed: new Uint32Array(6) }, /allowed has 6 words, expected 7/],
  ])("%s", async (_, queries, options, message) => {
    const search = await opened(rows);
    await expect(search.search(queries, options)).rejects.toThrow(message);
  });

  it("rows that are no numbers", async () => {
    const data = rows.data.slice();
    data[12] = Number.POSITIVE_INFINITY;
    await expect(opened({ data, shape: [200, 8] })).rejects.toThrow("row 1 holds Infinity");
    const unchecked = { ...rowsInMemory(rows), read: async () => ({ rows: data }) };
    const search = await opened(unchecked);
    await expect(search.search(vectors(1, 8, 2))).rejects.toMatchObject({ name: "NumericError" });
  });

  it("a source that fails, and one that is slow: the next search is right", async () => {
    const queries = vectors(1, 8, 9);
    let fault: (() => Promise<never>) | undefined;
    const source = rowsInMemory(rows);
    const search = await opened({ ...source, read: (...args) => (fault ?? source.read)(...args) });
    fault = () => Promise.reject(new Error("the disk is gone"));
    await expect(search.search(queries)).rejects.toThrow("the disk is gone");
    fault = () => new Promise(() => {});
    const stop = new AbortController();
    const searching = search.search(queries, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(searching).rejects.toThrow("enough");
    fault = undefined;
    expectEqual(await search.search(queries), searched(rows, queries, 10));
  });

  it("a device that is lost: the next search opens another one", async () => {
    const search = await ExactSearch.open(rows);
    open.push(search);
    const queries = vectors(1, 8, 9);
    const expected = await search.search(queries);
    (await search.device()).gpu.destroy();
    await expect.poll(async () => search.search(queries).catch(() => undefined)).toEqual(expected);
  });
});
