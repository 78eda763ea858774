// Which tensors may share memory: those that are never alive at the same time. A slot is one GPU buffer, not a range of
// an arena, because WebGPU tracks a whole buffer within a dispatch: reading one part while writing another is an error.

/** A tensor's life in steps: from the step that writes it to the last one that reads it, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Slots {
  /** Bytes of each slot. */
  readonly sizes: number[];
  /** Slot of each lifetime, in the order given. */
  readonly of: number[];
}

/**
 * Largest first, each into the smallest slot that is free for its whole life (Pisarchyk and Lee 2020, greedy by size).
 */
export function assignSlots(lifetimes: readonly Lifetime[]): Slots {
  const slots: { bytes: number; taken: Lifetime[] }[] = [];
  const of: number[] = Array(lifetimes.length).fill(-1);
  const bySize = lifetimes.map((life, index) => ({ life, index })).sort((a, b) => b.life.bytes - a.life.bytes);
  for (const { life, index } of bySize) {
    const isFree = (slot: (typeof slots)[number]) => slot.taken.every((other) => !overlap(other, life));
    // Slots were made in falling size, so the last free one wastes the least.
    let slot = slots.findLastIndex(isFree);
    if (slot < 0) slot = slots.push({ bytes: life.bytes, taken: [] }) - 1;
    slots[slot]?.taken.push(life);
    of[index] = slot;
  }
  return { sizes: slots.map(({ bytes }) => bytes), of };
}

/** The most bytes alive at one step: no assignment of slots can do with less. */
export function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const steps = new Set(lifetimes.map(({ first }) => first));
  let largest = 0;
  for (const step of steps) {
    const alive = lifetimes.filter(({ first, last }) => first <= step && step <= last);
    largest = Math.max(
      largest,
      alive.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }
  return largest;
}

function overlap(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}
