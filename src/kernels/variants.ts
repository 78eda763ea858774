// The variants of a kernel are entry points, or specialisations, of its one shader, and all give the same result. A
// table holds them by name, and says which come first on which class of adapter.
import type { AdapterClass } from "../device/adapter.ts";
import { KernelError } from "../device/errors.ts";
import type { DeviceTraits, Launch } from "./launch.ts";

/** True for adapters that run shaders on the CPU: barriers and workgroup memory are expensive there. */
export function isCpu(adapterClass: AdapterClass): boolean {
  return adapterClass.startsWith("cpu-");
}

/** Whether compilers see the length of the loops of shaders/lib/unroll.wgsl: those of CPU adapters should not. */
export const unrollType = ({ info }: Pick<DeviceTraits, "info">) => ({ UNROLL: `${!isCpu(info.class)}` });

/** What a variant adds to a launch. */
export type VariantLaunch = Pick<Launch, "entryPoint" | "workgroups" | "overrides" | "types" | "lib" | "subgroupSize">;

export interface Variant<Size> {
  /** Whether it can run this size on this device; always when absent. */
  readonly fits?: (size: Size, device: DeviceTraits) => boolean;
  /** Whether it is worth trying for this size on this device; always when absent. */
  readonly suits?: (size: Size, device: DeviceTraits) => boolean;
  readonly launch: (size: Size, device: DeviceTraits) => VariantLaunch;
}

export interface VariantTable<Size, Name extends string = string> {
  readonly variants: Readonly<Record<Name, Variant<Size>>>;
  /**
   * Names by class of adapter, best first; "cpu" and "gpu" stand for classes without a row. The first one that fits
   * and suits is taken, and the tuner tries all that do. What a class does not list still runs there by name.
   */
  readonly best: Readonly<Partial<Record<AdapterClass, readonly Name[]>> & Record<"cpu" | "gpu", readonly Name[]>>;
}

/** Makes a table: `defineVariants<Size>()({ … })`, with the type of the size as its variants are given it. */
export function defineVariants<Size>() {
  return <const Name extends string>(table: VariantTable<Size, Name>): VariantTable<Size, Name> => table;
}

/** A table for one size. */
export interface Variants {
  readonly names: readonly string[];
  /** Those for this device, best first. */
  best(device: DeviceTraits): readonly string[];
  fits(name: string, device: DeviceTraits): boolean;
  launch(name: string, device: DeviceTraits): VariantLaunch;
}

/** A table for the size of one launch. */
export function variantsOf<Size, Name extends string>(table: VariantTable<Size, Name>, size: Size): Variants {
  const variants: Readonly<Record<string, Variant<Size>>> = table.variants;
  const fits = (name: string, device: DeviceTraits) => variants[name]?.fits?.(size, device) ?? name in variants;
  return {
    names: Object.keys(variants),
    fits,
    best: (device) => {
      const { class: adapterClass } = device.info;
      const names: readonly string[] = table.best[adapterClass] ?? table.best[isCpu(adapterClass) ? "cpu" : "gpu"];
      return names.filter((name) => fits(name, device) && (variants[name]?.suits?.(size, device) ?? true));
    },
    launch: (name, device) => {
      const variant = variants[name];
      if (!variant) {
        throw new KernelError(`there is no variant ${name}; there are ${Object.keys(variants).join(", ")}`);
      }
      return variant.launch(size, device);
    },
  };
}
