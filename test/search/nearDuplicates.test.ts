// Near duplicates, held to a comparison of all pairs.
import { describe, expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import { ExactSearch, nearDuplicates, rowsInMemory } from "../../src/search.ts";
import { testDevice } from "../adapters.ts";

const CHANNELS = 16;

/** Rows of unit length: so many of each kind, which differ by a little. */
function clusters(sizes: readonly number[], seed: number) {
  const next = random(seed);
  const rows: number[][] = [];
  for (const size of sizes) {
    const kind = Array.from({ length: CHANNELS }, () => 2 * next() - 1);
    for (let i = 0; i < size; i++) rows.push(kind.map((value) => value + 0.02 * (2 * next() - 1)));
  }
  const order = rows.map((row) => ({ row, at: next() })).sort((a, b) => a.at - b.at);
  const data = Float32Array.from(order.flatMap(({ row }) => row.map((value) => value / Math.hypot(...row))));
  return { data, shape: [rows.length, CHANNELS] };
}

/** Groups by looking at each pair. */
function byPairs({ data, shape: [count = 0] }: ReturnType<typeof clusters>, threshold: number): string[] {
  const groupOf = Array.from({ length: count }, (_, row) => row);
  const cosine = (a: number, b: number) => {
    let sum = 0;
    for (let c = 0; c < CHANNELS; c++) sum += (data[a * CHANNELS + c] as number) * (data[b * CHANNELS + c] as number);
    return sum;
  };
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      const [from, to] = [groupOf[a] as number, groupOf[b] as number];
      if (cosine(a, b) >= threshold) for (const [row, of] of groupOf.entries()) if (of === from) groupOf[row] = to;
    }
  }
  const groups = new Map<number, number[]>();
  for (const [row, of] of groupOf.entries()) groups.set(of, [...(groups.get(of) ?? []), row]);
  return [...groups.values()].filter(({ length }) => length > 1).map(String);
}

describe("nearDuplicates", () => {
  it("finds all groups, also those of more rows than are looked for at first", async () => {
    const vectors = clusters([1, 1, 2, 5, 40, 1, 3, 300], 1);
    const rows = rowsInMemory(vectors);
    using search = await ExactSearch.open(rows, { device: await testDevice() });
    const told: number[] = [];
    const groups = await nearDuplicates(search, rows, { threshold: 0.98, onProgress: (done) => told.push(done) });
    expect(groups.map(({ length }) => length)).toEqual([300, 40, 5, 3, 2]);
    expect(groups.map(String).sort()).toEqual(byPairs(vectors, 0.98).sort());
    expect(told).toEqual([256, 353]);
  });

  it("refuses what is no cosine, and ends when it is told to", async () => {
    const rows = rowsInMemory(clusters([3], 2));
    using search = await ExactSearch.open(rows, { device: await testDevice() });
    await expect(nearDuplicates(search, rows, { threshold: 0 })).rejects.toThrow("threshold is 0, expected a cosine");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(nearDuplicates(search, rows, { signal })).rejects.toThrow("enough");
  });
});
