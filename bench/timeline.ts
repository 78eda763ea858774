// A timeline of the steps that encodeImages reports: how much of them overlapped, and a picture of them.
import type { EncodeStep } from "../src/pictures/pictureRuns.ts";

const LANES = ["decode", "upload", "gpu", "readback"] as const;
type Lane = (typeof LANES)[number];
type Span = Pick<EncodeStep, "startMs" | "endMs">;

/** Time in which a lane was busy, and in which decoding and the GPU both were, as a share of the shorter of the two. */
export function busyness(steps: readonly EncodeStep[]) {
  const spans = Object.fromEntries(LANES.map((lane) => [lane, union(steps.filter((step) => step.lane === lane))]));
  const { decode, gpu } = spans as Record<Lane, Span[]>;
  const both = overlapMs(decode, gpu);
  const busyMs = Object.fromEntries(LANES.map((lane) => [lane, lengthOf(spans[lane] as Span[])]));
  return { busyMs, bothMs: both, overlap: both / Math.min(lengthOf(decode), lengthOf(gpu)) };
}

/** Busy stretches, in order and apart from each other. */
function union(spans: readonly Span[]): Span[] {
  const merged: { startMs: number; endMs: number }[] = [];
  for (const { startMs, endMs } of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const last = merged.at(-1);
    if (last && startMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs);
    else merged.push({ startMs, endMs });
  }
  return merged;
}

function overlapMs(a: readonly Span[], b: readonly Span[]): number {
  let sum = 0;
  for (const x of a) {
    for (const y of b) sum += Math.max(0, Math.min(x.endMs, y.endMs) - Math.max(x.startMs, y.startMs));
  }
  return sum;
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}

const [WIDTH, LEFT, ROW, GAP] = [1200, 90, 14, 12];
const COLOURS: Readonly<Record<Lane, string>> = {
  decode: "#3b7dd8",
  upload: "#d8873b",
  gpu: "#3ba55c",
  readback: "#a03bd8",
};

/** A picture of the steps between two times, one lane under another; steps of a lane that overlap get rows of it. */
export function drawTimeline(steps: readonly EncodeStep[], title: string, from: number, until: number): string {
  const x = (ms: number) => LEFT + ((ms - from) / (until - from)) * (WIDTH - LEFT - 10);
  const parts: string[] = [];
  let y = 34;
  for (const lane of LANES) {
    const shown = steps.filter((step) => step.lane === lane && step.endMs > from && step.startMs < until);
    const rows = inRows(shown);
    parts.push(`<text x="8" y="${y + 11}">${lane}</text>`);
    rows.forEach((row, i) => {
      for (const step of row) parts.push(bar(step, lane, y + i * ROW, x, [from, until]));
    });
    y += Math.max(1, rows.length) * ROW + GAP;
  }
  for (const ms of ticks(until - from)) {
    parts.push(`<text x="${x(from + ms).toFixed(1)}" y="${y + 8}" text-anchor="middle">${ms} ms</text>`);
  }
  const style = "font-family:sans-serif;font-size:11px;background:#fff";
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 16}" style="${style}">`;
  return `${head}\n<text x="8" y="18" font-size="13">${title}</text>\n${parts.join("\n")}\n</svg>\n`;
}

function bar(
  { indices, startMs, endMs }: EncodeStep,
  lane: Lane,
  y: number,
  x: (ms: number) => number,
  [from, until]: readonly [number, number],
): string {
  const [left, right] = [x(Math.max(from, startMs)), x(Math.min(until, endMs))];
  const width = Math.max(0.6, right - left);
  const [first, last] = [indices[0], indices.at(-1)];
  const what = first === last ? `picture ${first}` : `pictures ${first} to ${last}`;
  const box = `x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 2}"`;
  // Runs of a batch stand out from the preprocessing of single pictures.
  const opacity = lane === "gpu" && indices.length === 1 ? 0.45 : 0.9;
  const label = `${what}: ${(endMs - startMs).toFixed(1)} ms`;
  return `<rect ${box} fill="${COLOURS[lane]}" fill-opacity="${opacity}"><title>${label}</title></rect>`;
}

/** Steps laid into as few rows as hold them without overlap. */
function inRows(steps: readonly EncodeStep[]): EncodeStep[][] {
  const rows: EncodeStep[][] = [];
  for (const step of [...steps].sort((a, b) => a.startMs - b.startMs)) {
    const row = rows.find((taken) => (taken.at(-1) as EncodeStep).endMs <= step.startMs);
    if (row) row.push(step);
    else rows.push([step]);
  }
  return rows;
}

function ticks(lengthMs: number): number[] {
  const step = 10 ** Math.floor(Math.log10(lengthMs)) / 2;
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, i) => i * step);
}
