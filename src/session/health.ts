// The state of a model, for who watches over it. Loaded where it is asked for.
import type { Live } from "./planCache.ts";

/** What state a model is in, from `health()` of Clip, Dino and Sam: plain data, fit for JSON. */
export interface ModelHealth {
  /**
   * Of the model's device: "open"; "opening"; "lost", or "closed" where opening one failed: the next call opens a new
   * one; "disposed": calls throw DisposedError.
   */
  readonly state: "open" | "opening" | "lost" | "closed" | "disposed";
  /** How often a device was opened anew after a loss. */
  readonly reopened: number;
  /** Bytes of the weights on the GPU. */
  readonly weightBytes: number;
  /** Bytes on the GPU of the plans that are kept: activations, parameters, and a readback buffer for each. */
  readonly planBytes: number;
  /**
   * Bytes of all that the engine holds on the device: the two above, SAM's scenes, results that stay on the GPU, work
   * under way, and other models where they share the device.
   */
  readonly deviceBytes: number;
  /** Number of plans that are kept. */
  readonly plans: number;
  /** Number of calls under way. */
  readonly calls: number;
  /** The failure of the call that failed last; one that was aborted did not fail. */
  readonly lastError?: {
    /** The error's class. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
    /** When, in milliseconds since 1970, as of `Date.now()`. */
    readonly at: number;
  };
}

/** What a session tells of itself. */
export interface Told {
  readonly isDisposed: boolean;
  /** What is on the device, which may be lost. */
  readonly live: Live | undefined;
  readonly isOpening: boolean;
  /** Devices opened so far. */
  readonly opens: number;
  readonly calls: number;
  readonly failure: Failure | undefined;
}

/** The error of a call, and when it came, as `Date.now()` has it. */
export interface Failure {
  readonly error: Error;
  readonly at: number;
}

/** What state a session is in. */
export function healthOf({ isDisposed, live, isOpening, opens, calls, failure }: Told): ModelHealth {
  const state = isDisposed ? "disposed" : stateOf(live, isOpening);
  const held = state === "open" ? live : undefined;
  return {
    state,
    reopened: Math.max(0, opens - 1),
    weightBytes: held?.store.bytes ?? 0,
    planBytes: held ? planBytes(held.plans) : 0,
    deviceBytes: held?.device.memory.bytes ?? 0,
    plans: held?.plans.entries.size ?? 0,
    calls,
    ...(failure && { lastError: { name: failure.error.name, message: failure.error.message, at: failure.at } }),
  };
}

function stateOf(live: Live | undefined, isOpening: boolean): ModelHealth["state"] {
  if (live) return live.device.lost ? "lost" : "open";
  return isOpening ? "opening" : "closed";
}

/** Of the plans that are ready, and of what they share. */
function planBytes({ entries, pool }: Live["plans"]): number {
  let bytes = pool.bytes;
  for (const { ready, store } of entries.values()) {
    if (!ready) continue;
    bytes += ready.ownBytes;
    if (store) bytes += store.bytes + ready.plan.slots.reduce((sum, size) => sum + size, 0);
  }
  return bytes;
}
