// Small regions of a mask: holes that are filled and islands that are removed, with OpenCV's 8-connected components,
// found among the runs of the encoding.
import { columnRuns, type Rle, rleOfRuns } from "./rle.ts";

/** A connected region: its runs carry its index. */
interface Region {
  area: number;
  /** Place in the order of OpenCV's labels: its first 2 x 2 block, row by row. */
  first: number;
}

interface Regions {
  readonly runs: readonly (readonly [start: number, end: number])[];
  /** The region of each run. */
  readonly of: readonly Region[];
}

/** What `removeSmallRegions` gives. */
export interface CleanedMask {
  /** The mask; the same object where it did not change. */
  readonly rle: Rle;
  /** Something was filled or removed. */
  readonly changed: boolean;
}

/**
 * Fills holes, or removes islands, of fewer than `minArea` pixels. Diagonal neighbours are connected, in holes too. Of
 * islands that are all small the largest stays.
 *
 * @example
 * const { rle, changed } = removeSmallRegions(encodeRle(mask), 100, "islands");
 */
export function removeSmallRegions(rle: Rle, minArea: number, mode: "holes" | "islands"): CleanedMask {
  const { runs, of } = connectedRegions(rle, mode === "holes" ? 0 : 1);
  const all = new Set(of);
  const kept = new Set([...all].filter(({ area }) => area >= minArea));
  if (kept.size === all.size) return { rle, changed: false };
  if (mode === "islands" && kept.size === 0) kept.add([...all].reduce(larger));
  const rest = rleOfRuns(
    runs.filter((_, i) => kept.has(of[i] as Region)),
    rle.size,
  );
  return { rle: mode === "holes" ? inverted(rest) : rest, changed: true };
}

function larger(a: Region, b: Region): Region {
  return b.area > a.area || (b.area === a.area && b.first < a.first) ? b : a;
}

/** The 8-connected regions of `value`: runs that touch a run of the column before join its region. */
function connectedRegions(rle: Rle, value: 0 | 1): Regions {
  const [height, width] = rle.size;
  const runs = [...columnRuns(rle, value)];
  const parent = runs.map((_, i) => i);
  const root = (run: number): number => {
    let i = run;
    while (parent[i] !== i) i = parent[i] = parent[parent[i] as number] as number;
    return i;
  };
  let before = 0; // the first run that may touch one of the column before
  for (const [i, [start, end]] of runs.entries()) {
    // Shifted by a column, a neighbour in it lies at most one pixel beyond an end, on the same side of the border.
    const top = Math.floor(start / height) * height;
    const [from, to] = [Math.max(start - 1, top) - height, Math.min(end + 1, top + height) - height];
    while ((runs[before] as readonly [number, number])[1] <= from) before++;
    for (let j = before; j < i && (runs[j] as readonly [number, number])[0] < to; j++) parent[root(j)] = root(i);
  }
  const regions = new Map<number, Region>();
  const blocksAcross = Math.ceil(width / 2);
  const of = runs.map(([start, end], i) => {
    const x = Math.floor(start / height);
    const first = ((start - x * height) >> 1) * blocksAcross + (x >> 1);
    const key = root(i);
    const region = regions.get(key) ?? { area: 0, first };
    regions.set(key, region);
    region.area += end - start;
    region.first = Math.min(region.first, first);
    return region;
  });
  return { runs, of };
}

function inverted({ size, counts }: Rle): Rle {
  return { size, counts: counts[0] === 0 ? counts.slice(1) : [0, ...counts] };
}
