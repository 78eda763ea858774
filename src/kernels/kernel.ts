// A kernel is a record: a WGSL source, the names of its inputs and parameters, and two pure functions. `output` checks
// shapes and says what comes out; `launch` says how to dispatch. Neither needs a GPU.
//
// Bindings of every shader: inputs at 0.. in the record's order (read), then the output or outputs (read_write), then
// `params` (uniform, a struct of 4-byte scalars in the record's order). An absent optional input is bound to a zero
// buffer.
import { KernelError, LimitError } from "../device/errors.ts";
import type { PipelineSource } from "../device/pipeline.ts";
import { formatShape, type Spec } from "../device/tensor.ts";
import type { DeviceTraits, Launch, LazySource, ScalarType } from "./launch.ts";
import { mostOf } from "./length.ts";
import type { VariantLaunch, Variants } from "./variants.ts";

/** Specs by input name; the optional ones may be missing. */
type InputSpecs<I extends string, O extends I> = Readonly<Record<Exclude<I, O>, Spec> & Partial<Record<O, Spec>>>;

/** What graph rewrites know of a kernel that multiplies two operands and has the epilogue of epilogue.ts. */
interface Product<Inputs, P> {
  /** Names of the operands. */
  readonly left: string;
  readonly right: string;
  /** Whether the right operand may be int8, with a factor for each column as the input `${right}Scale`. */
  takesInt8(params: P): boolean;
  /** How many parts of its sums suit this device best, by the parameter `splits`; 1 where it is best whole. */
  splits(inputs: Inputs, params: P, device: DeviceTraits): number;
}

export interface KernelDefinition<I extends string, O extends I, P extends object, N extends string> {
  readonly name: string;
  /** The shader and the lib files it calls; WGSL needs no order. */
  readonly wgsl: readonly (string | LazySource)[];
  /** Lib files for which a launch may put others with functions by the same names. */
  readonly lib?: readonly string[];
  readonly inputs: readonly I[];
  /** Names of inputs that may be absent. */
  readonly optional?: readonly O[];
  readonly params: Readonly<Record<string, ScalarType>>;
  /** Where the kernel is a product. */
  readonly product?: Product<InputSpecs<I, O>, P>;
  /** Shape and type of the result; throws ShapeError on inputs that do not fit. Absent where `outputs` says it. */
  readonly output?: (inputs: InputSpecs<I, O>, params: P) => Spec;
  /** Of a kernel with several results: shape and type of each, by name, in the order of their bindings. */
  readonly outputs?: Readonly<Record<N, (inputs: InputSpecs<I, O>, params: P) => Spec>>;
  /** How to dispatch; a variant, where there are several, adds its part, and its workgroups where none are given. */
  readonly launch: (
    inputs: InputSpecs<I, O>,
    params: P,
    device: DeviceTraits,
  ) => Omit<Launch, "workgroups"> & Partial<Pick<Launch, "workgroups">>;
  /** The variants for a launch, where there are several. */
  readonly variants?: (inputs: InputSpecs<I, O>, params: P) => Variants;
  /** Floating-point operations, for profiles; 0 when not given. */
  readonly flops?: (inputs: InputSpecs<I, O>, params: P) => number;
}

export interface Kernel<I extends string, O extends I, P extends object, N extends string = "output">
  extends AnyKernel {
  readonly name: string;
  readonly inputs: readonly I[];
  readonly optional: readonly O[];
  readonly outputs: readonly N[];
  readonly product?: Product<InputSpecs<I, O>, P>;
  output(inputs: InputSpecs<I, O>, params: P): Spec;
  outputSpecs(inputs: InputSpecs<I, O>, params: P): readonly Spec[];
  launch(inputs: InputSpecs<I, O>, params: P, device: DeviceTraits, variant?: string): Launch;
  variants(inputs: InputSpecs<I, O>, params: P): Variants | undefined;
  flops(inputs: InputSpecs<I, O>, params: P): number;
}

/** Any kernel, where its inputs and parameters are only passed on: graph, plan, executor, tests. */
export interface AnyKernel {
  readonly name: string;
  readonly wgsl: readonly (string | LazySource)[];
  readonly lib: readonly string[];
  readonly inputs: readonly string[];
  readonly optional: readonly string[];
  /** Names of the results, in the order of their bindings; "output" alone where there is one. */
  readonly outputs: readonly string[];
  readonly params: Readonly<Record<string, ScalarType>>;
  readonly product?: Product<object, object>;
  /** Shape and type of the first result. */
  output(inputs: object, params: object): Spec;
  /** Shape and type of every result. */
  outputSpecs(inputs: object, params: object): readonly Spec[];
  /** By the variant of that name; when absent by the one that was tuned, else by the best one that is known. */
  launch(inputs: object, params: object, device: DeviceTraits, variant?: string): Launch;
  /** Undefined where there is only one. */
  variants(inputs: object, params: object): Variants | undefined;
  flops(inputs: object, params: object): number;
}

/**
 * Makes a kernel's record: `defineKernel<Params>()({ … })`, with the type of the parameters as a caller gives them.
 * Marked `@__PURE__`, a bundler leaves it and its shader out of pages that do not use it.
 */
export function defineKernel<P extends object>() {
  return <const I extends string, const O extends I = never, const N extends string = "output">(
    definition: KernelDefinition<I, O, P, N>,
  ): Kernel<I, O, P, N> => {
    const results = resultsOf(definition);
    const specs = Object.values<(typeof results)[N]>(results);
    return {
      optional: [],
      lib: [],
      flops: () => 0,
      variants: () => undefined,
      ...definition,
      outputs: Object.keys(results) as N[],
      output: specs[0] as (typeof results)[N],
      outputSpecs: (inputs, params) => specs.map((spec) => spec(inputs, params)),
      launch: (inputs, params, device, name) => {
        const launch = definition.launch(inputs, params, device);
        const variants = definition.variants?.(inputs, params);
        if (!variants) return withWorkgroups(definition.name, launch);
        const variant = name ?? chooseVariant(definition.name, variants, inputs, params, device);
        return { ...addVariant(launch, variants.launch(variant, device)), variant };
      },
    };
  };
}

/** What makes the spec of each result, by name. */
function resultsOf<I extends string, O extends I, P extends object, N extends string>({
  name,
  output,
  outputs,
}: KernelDefinition<I, O, P, N>) {
  const results = outputs ?? (output && ({ output } as Readonly<Record<N, typeof output>>));
  if (!results) throw new KernelError(`[${name}] has neither output nor outputs`);
  return results;
}

function withWorkgroups(
  name: string,
  { workgroups, ...launch }: ReturnType<KernelDefinition<never, never, never, never>["launch"]>,
): Launch {
  if (workgroups) return { ...launch, workgroups };
  throw new KernelError(`[${name}] has neither workgroups nor variants`);
}

function chooseVariant(
  kernel: string,
  variants: Variants,
  inputs: object,
  params: object,
  device: DeviceTraits,
): string {
  const tuned = device.tuned?.size ? device.tuned.get(launchKey(kernel, inputs, params)) : undefined;
  if (tuned !== undefined && variants.fits(tuned, device)) return tuned;
  const [best] = variants.best(device);
  if (best === undefined) throw new KernelError(`[${kernel}] has no variant for ${device.info.class}`);
  return best;
}

function addVariant(
  launch: Omit<Launch, "workgroups"> & Partial<Pick<Launch, "workgroups">>,
  variant: VariantLaunch,
): Launch {
  return {
    ...launch,
    ...variant,
    ...(launch.lib && { lib: [...launch.lib, ...(variant.lib ?? [])] }),
    types: { ...launch.types, ...variant.types },
    overrides: { ...launch.overrides, ...variant.overrides },
    workgroups: launch.workgroups ?? variant.workgroups,
  };
}

/** What stands for a launch where its best variant is kept: kernel, types and shapes of inputs, parameters. */
export function launchKey(kernel: string, inputs: object, params: object): string {
  const shapes = Object.entries(inputs as Readonly<Record<string, Spec | undefined>>).map(([name, spec]) =>
    spec ? `${name} ${spec.dtype} ${formatShape(spec.shape)}` : "",
  );
  return `${kernel}(${shapes.filter(Boolean).join(", ")}) ${JSON.stringify(params)}`;
}

/**
 * Replaces the right-hand sides of top-level `alias NAME = …;` and `const NAME … = …;` lines.
 * Throws on a name that the source does not declare. What the code needs enabled is put first.
 * Entry points get `@subgroup_size`, which few devices know, where there is one.
 */
export function specialize(
  source: string,
  values: Readonly<Record<string, string | number>>,
  subgroupSize?: number,
): string {
  let text = subgroupSize ? source.replaceAll("@compute", `@compute @subgroup_size(${subgroupSize})`) : source;
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^((?:alias|const)\\s+${name}\\b[^=]*=\\s*)[^;]*;`, "m");
    if (!line.test(text)) throw new KernelError(`specialize: the shader declares no alias or const ${name}`);
    text = text.replace(line, `$1${value};`);
  }
  const code = stripComments(text);
  const enabled = ENABLED.filter(([pattern]) => pattern.test(code)).map(([, name]) => `enable ${name};\n`);
  return enabled.join("") + text;
}

const ENABLED = [
  [/\bf16\b/, "f16"],
  [/\bsubgroup[A-Z]/, "subgroups"],
  [/\bsubgroup_matrix/, "chromium_experimental_subgroup_matrix"],
  [/@subgroup_size/, "subgroup_size_control"],
] as const;

function stripComments(source: string): string {
  return source.replace(/\/\/.*$/gm, "");
}

/** How many buffers a kernel reads and writes. */
export function bindingCounts({ inputs, outputs }: AnyKernel) {
  return { inputCount: inputs.length, outputCount: outputs.length };
}

/** The pipeline that a launch needs. */
export function pipelineSource(kernel: AnyKernel, launch: Launch): PipelineSource {
  const { lib = kernel.lib, types = {}, entryPoint = "main", overrides = {}, subgroupSize } = launch;
  const parts = [...kernel.wgsl, ...lib];
  return {
    label: kernel.name,
    id: JSON.stringify([Object.entries(types).sort(), parts.map(String), subgroupSize]),
    code: async () => {
      const texts = parts.map(async (part) => (typeof part === "string" ? part : (await part()).default));
      return specialize((await Promise.all(texts)).join("\n"), types, subgroupSize);
    },
    entryPoint,
    overrides,
    ...bindingCounts(kernel),
  };
}

/** Bytes of the uniform struct, rounded up to 16. */
export function paramBytes(kernel: AnyKernel): number {
  return Math.max(16, Math.ceil((Object.keys(kernel.params).length * 4) / 16) * 16);
}

/** Writes the uniform struct at a byte offset of a view; a length is written as its largest value. */
export function packParams(kernel: AnyKernel, params: Launch["params"], view: DataView, offset: number): void {
  let at = offset;
  for (const [name, type] of Object.entries(kernel.params)) {
    const value = mostOf(params[name] ?? 0);
    if (type === "f32") view.setFloat32(at, value, true);
    else if (type === "i32") view.setInt32(at, value, true);
    else view.setUint32(at, value, true);
    at += 4;
  }
}

const MAX_GROUPS = 65535;

/**
 * Folds a flat count of workgroups into x and y, as one axis takes 65,535 at most. The shader gets its index back as
 * `workgroup.y * groups.x + workgroup.x` and skips the few beyond the count.
 */
export function foldWorkgroups(count: number): [number, number] {
  if (count <= MAX_GROUPS) return [count, 1];
  const y = Math.ceil(count / MAX_GROUPS);
  if (y > MAX_GROUPS) throw new LimitError(`a dispatch of ${count} workgroups is beyond WebGPU's ${MAX_GROUPS}²`);
  return [Math.ceil(count / y), y];
}
