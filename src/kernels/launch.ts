// What a dispatch is made of, as data: the device as far as kernels may know it, shader sources, and how to launch one.
import type { AdapterInfo, MatrixUnit } from "../device/adapter.ts";
import type { Length } from "./length.ts";

export type ScalarType = "u32" | "i32" | "f32";

/** What `launch` may know of the device. */
export interface DeviceTraits {
  readonly info: Pick<AdapterInfo, "class">;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  /** Threads of a subgroup, where it is always the same number. */
  readonly subgroupSize?: number | undefined;
  /** The fewest threads that a subgroup may have, where that is known. */
  readonly leastSubgroup?: number | undefined;
  /** Threads of a subgroup to ask for in loops that take many registers, where there should be few (device.ts). */
  readonly smallestSubgroup?: number | undefined;
  readonly matrixUnits?: readonly MatrixUnit[];
  readonly limits: Record<
    "maxComputeInvocationsPerWorkgroup" | "maxComputeWorkgroupStorageSize" | "maxStorageBufferBindingSize",
    number
  >;
  /** Variants that were measured to be best on this device, by `launchKey`. */
  readonly tuned?: ReadonlyMap<string, string>;
}

/**
 * A file that is loaded when a pipeline that needs it is compiled, as pages seldom take these. Its own text, which
 * names the file, stands for the file's before that.
 */
export type LazySource = () => Promise<{ readonly default: string }>;

/** How to dispatch a kernel once. */
export interface Launch {
  /** Name of the variant, where the kernel has several. */
  readonly variant?: string;
  /** Entry point of the variant; "main" when absent. */
  readonly entryPoint?: string;
  /** Values of the uniform struct; parameters left out are 0, and a Length is what a run gives. */
  readonly params: Readonly<Record<string, number | Length>>;
  /** Sources in place of the kernel's `lib`: functions by the same names, or the entry point itself. */
  readonly lib?: readonly (string | LazySource)[] | undefined;
  /** Right-hand sides of top-level `alias` and `const` lines. */
  readonly types?: Readonly<Record<string, string | number>>;
  readonly overrides?: Readonly<Record<string, number>>;
  /** Threads of a subgroup, where the adapter should not choose. */
  readonly subgroupSize?: number | undefined;
  /** Workgroup counts in x, y, z; a count of 0 means that there is nothing to do. */
  readonly workgroups: readonly [number, number?, number?];
}
