// The state of a model, for who watches over it. Loaded where it is asked for.
import { packUniforms } from "../graph/uniforms.ts";
import type { Calls } from "./calls.ts";
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
  /** Bytes on the GPU of the plans that are kept: activations, parameters and readback buffers. */
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
  /**
   * The last failure of the device, of reading the weights or of a run. Wrong options and pictures that cannot be read
   * are told to their call alone, and what was aborted did not fail.
   */
  readonly lastError?: {
    /** The error's class. */
    readonly name: string;
    /** What it says. */
    readonly message: string;
  };
}

/**
 * What state a session is in. `state` is what it is without a look at its device: disposed, or opening one.
 *
 * @param opens devices opened so far
 */
export function healthOf(
  state: "disposed" | "opening" | undefined,
  live: Live | undefined,
  opens: number,
  calls: Calls,
  lastError: Error | undefined,
): ModelHealth {
  const isDisposed = state === "disposed";
  const held = isDisposed || live?.device.lost ? undefined : live;
  return {
    state: isDisposed || !live ? (state ?? "closed") : held ? "open" : "lost",
    reopened: Math.max(0, opens - 1),
    weightBytes: held?.store.bytes ?? 0,
    planBytes: held ? planBytes(held.plans) : 0,
    deviceBytes: held?.device.memory.bytes ?? 0,
    plans: held?.plans.entries.size ?? 0,
    calls: calls.running.size,
    ...(lastError && { lastError: { name: lastError.name, message: lastError.message } }),
  };
}

/** Of the plans that are ready, and of what they share. */
function planBytes({ entries, pool }: Live["plans"]): number {
  const sizes = [...pool.plans.keys()].map(({ size }) => size);
  for (const { ready, store } of entries.values()) {
    if (!ready) continue;
    sizes.push(ready.readback.idle?.size ?? 0, packUniforms(ready.plan.steps).bytes.length);
    if (store) sizes.push(store.bytes, ...ready.plan.slots);
  }
  return sizes.reduce((sum, size) => sum + size, 0);
}
