// Time that was spent by steps that overlap and come late.
import { expect, it } from "vitest";
import { BusyTime } from "../../src/cli/pictureIndex/busyTime.ts";

const timeOf = (...spans: readonly (readonly [number, number])[]) => {
  const time = new BusyTime();
  for (const [startMs, endMs] of spans) time.add({ startMs, endMs });
  return time.ms;
};

it("counts each moment once, whatever overlaps it, in whatever order", () => {
  expect(timeOf()).toBe(0);
  expect(timeOf([10, 20])).toBe(10);
  expect(timeOf([10, 20], [15, 30], [40, 50])).toBe(30);
  expect(timeOf([40, 50], [10, 20], [15, 45])).toBe(40);
  expect(timeOf([10, 50], [20, 30])).toBe(40);
});

it("keeps what is long over", () => {
  const spans = Array.from({ length: 2000 }, (_, i) => [100 * i, 100 * i + 150 - (i % 2) * 100] as const);
  expect(timeOf(...spans)).toBe(1000 * 150);
});
