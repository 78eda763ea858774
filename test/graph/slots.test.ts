// Lifetimes to buffers: never two tensors that live at once in one buffer, and not much more memory than they need.
import { describe, expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import { assignSlots, type Lifetime, largestLiveSet } from "../../src/graph/slots.ts";

const life = (bytes: number, first: number, last: number): Lifetime => ({ bytes, first, last });
const overlap = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;
const total = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0);

describe("assignSlots", () => {
  it("shares a buffer between tensors of which one ends before the other begins", () => {
    expect(assignSlots([life(16, 0, 1), life(16, 2, 3)])).toEqual({ sizes: [16], of: [0, 0] });
  });

  it("does not let a step read and write one buffer", () => {
    expect(assignSlots([life(16, 0, 1), life(16, 1, 2)]).sizes).toEqual([16, 16]);
  });

  it("takes the smallest buffer that is free", () => {
    const { sizes, of } = assignSlots([life(64, 0, 1), life(32, 0, 1), life(16, 2, 3)]);
    expect(sizes).toEqual([64, 32]);
    expect(of[2]).toBe(of[1]);
  });

  it("alternates between two buffers along a chain", () => {
    const chain = Array.from({ length: 20 }, (_, i) => life(16, i, i + 1));
    expect(assignSlots(chain).sizes).toEqual([16, 16]);
  });

  it("of nothing is nothing", () => {
    expect(assignSlots([])).toEqual({ sizes: [], of: [] });
    expect(largestLiveSet([])).toBe(0);
  });
});

describe("any lifetimes (seeded)", () => {
  const cases = Array.from({ length: 200 }, (_, seed) => {
    const next = random(seed);
    const count = 1 + Math.floor(next() * 40);
    return Array.from({ length: count }, () => {
      const first = Math.floor(next() * 30);
      return life(16 * (1 + Math.floor(next() * 64)), first, first + Math.floor(next() ** 3 * 20));
    });
  });

  it("no buffer holds two tensors at once, and each is large enough", () => {
    for (const [seed, lifetimes] of cases.entries()) {
      const { sizes, of } = assignSlots(lifetimes);
      lifetimes.forEach((a, i) => {
        expect(sizes[of[i] as number], `seed ${seed}`).toBeGreaterThanOrEqual(a.bytes);
        lifetimes.forEach((b, j) => {
          if (i < j && overlap(a, b)) expect(of[i], `seed ${seed}: ${i} and ${j}`).not.toBe(of[j]);
        });
      });
    }
  });

  it("the largest live set is what a count step by step gives, and never more than the buffers", () => {
    for (const [seed, lifetimes] of cases.entries()) {
      const steps = Array.from({ length: 60 }, (_, step) =>
        total(lifetimes.filter(({ first, last }) => first <= step && step <= last).map(({ bytes }) => bytes)),
      );
      const largest = largestLiveSet(lifetimes);
      expect(largest, `seed ${seed}`).toBe(Math.max(...steps));
      expect(total(assignSlots(lifetimes).sizes), `seed ${seed}`).toBeGreaterThanOrEqual(largest);
    }
  });
});
