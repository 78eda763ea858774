// Times of a plan's steps, each by itself. Loaded where they are asked for.
import type { Device } from "../device/device.ts";
import { type Timing, time } from "../device/timer.ts";
import type { Plan } from "./plan.ts";

/** Time of one step of a profiled run. */
export interface ProfiledStep {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Entry point of its shader. */
  readonly variant: string;
  /** Of the result. */
  readonly shape: readonly number[];
  /** Milliseconds. */
  readonly ms: number;
  /** Floating-point operations. */
  readonly flops: number;
}

/** Times of a profiled run. */
export interface Profile {
  /** In the order of the plan. */
  readonly steps: readonly ProfiledStep[];
  /** How times were taken. */
  readonly source: Timing["source"];
}

/** Times each step's work. */
export async function profile(
  device: Device,
  plan: Plan,
  works: readonly ((pass: GPUComputePassEncoder) => void)[],
): Promise<Profile> {
  const { ms, source } = await time(device, works);
  const steps = plan.steps.map(({ kernel, launch, value, flops }, i) => ({
    kernel: kernel.name,
    variant: launch.variant ?? launch.entryPoint ?? "main",
    shape: value.shape,
    ms: ms[i] as number,
    flops,
  }));
  return { steps, source };
}
