// Which kind of processor stands behind a WebGPU adapter: kernels choose their variants by it.

/** Adapter classes that kernels are tuned for. Those that begin with "cpu" are software drivers. */
export type AdapterClass =
  | "nvidia"
  | "amd"
  | "intel"
  | "apple"
  | "arm"
  | "qualcomm"
  | "cpu-lavapipe"
  | "cpu-swiftshader"
  | "cpu-warp"
  | "unknown";

/** A product [M, K] by [K, N] that a subgroup's matrix unit does at once. */
export interface MatrixUnit {
  /** Rows of the first operand and of the product. */
  readonly M: number;
  /** Columns of the second operand and of the product. */
  readonly N: number;
  /** Terms of each sum: columns of the first operand, rows of the second. */
  readonly K: number;
  /** Element type of the operands: f16, f32, i8 or u8. */
  readonly componentType: string;
  /** Element type of the sums. */
  readonly resultComponentType: string;
}

/** What is known of an adapter, for people and for kernels. */
export interface AdapterInfo {
  /** The vendor's name as the adapter reports it. Names are empty where the adapter reports none. */
  readonly vendor: string;
  /** Family of GPUs. */
  readonly architecture: string;
  /** The model, or its number. */
  readonly device: string;
  /** Name for people. */
  readonly description: string;
  /** What kernels choose their variants by. */
  readonly class: AdapterClass;
  /** Threads of a subgroup, where the adapter names one size. */
  readonly subgroupSize: number | undefined;
  /** What its matrix units take; empty where the runtime does not say. */
  readonly matrixUnits: readonly MatrixUnit[];
}

type Info = Partial<GPUAdapterInfo> & { readonly subgroupMatrixConfigs?: Iterable<MatrixUnit> };

// Words of Dawn, wgpu and WebKit, and vendor ids, which stand where a browser or wgpu gives no name (Deno). Mesa's own
// id, 0x10005, says nothing: its drivers for Apple's GPUs have it as lavapipe does. Qualcomm has one id on PCI and
// another on ACPI ("QCOM"), which Windows gives for the Adreno X1. Samsung's Xclipse is AMD's RDNA.
const CLASSES: readonly (readonly [RegExp, AdapterClass])[] = [
  [/llvmpipe|lavapipe/, "cpu-lavapipe"],
  [/swiftshader/, "cpu-swiftshader"],
  [/basic render|warp|\b5140\b/, "cpu-warp"],
  [/nvidia|\b4318\b|0x10de/, "nvidia"],
  [/\bamd\b|radeon|samsung|\b4098\b|0x1002/, "amd"],
  [/intel|\b32902\b|0x8086/, "intel"],
  [/apple|\b4203\b|0x106b/, "apple"],
  [/qualcomm|adreno|\b20803\b|0x5143|\b1297040209\b/, "qualcomm"],
  [/\barm\b|mali|\b5045\b|0x13b5/, "arm"],
];

/** What an adapter reports about itself, and the class that this puts it in. */
export function describeAdapter(adapter: { readonly info?: Info }): AdapterInfo {
  const info: Info = adapter.info ?? {};
  const { vendor = "", architecture = "", device = "", description = "", subgroupMinSize, subgroupMaxSize } = info;
  const words = [vendor, architecture, device, description].join(" ").toLowerCase();
  const match = CLASSES.find(([pattern]) => pattern.test(words));
  const subgroupSize = subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
  // Copied to plain objects, which a worker can post to its page.
  const matrixUnits = Array.from(info.subgroupMatrixConfigs ?? [], (unit) => {
    const { M, N, K, componentType, resultComponentType } = unit;
    return { M, N, K, componentType, resultComponentType };
  });
  return { vendor, architecture, device, description, class: match?.[1] ?? "unknown", subgroupSize, matrixUnits };
}
