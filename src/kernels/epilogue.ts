// What may follow the sum of a product in the same dispatch: y = outputActivation(activation(sum + bias) * scale +
// residual). Shared by matmul, conv2d, and the kernels that finish them (splitSum, winogradOutput): lib/epilogue.wgsl.
import activationSource from "../../shaders/lib/activation.wgsl";
import epilogueSource from "../../shaders/lib/epilogue.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import outElementsSource from "../../shaders/lib/outElements.wgsl";
import outVectorsSource from "../../shaders/lib/outVectors.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, rowsOf, type Spec } from "../device/tensor.ts";
import { ACTIVATIONS, type Activation } from "./activation.ts";
import type { LazySource } from "./launch.ts";

/** What the epilogue of a product applies to its sums. */
export interface EpilogueParams {
  /** Before layer scale and residual; none when absent. */
  readonly activation?: Activation;
  /** After layer scale and residual; none when absent. */
  readonly outputActivation?: Activation;
}

/** Inputs of an epilogue, by the names that they have in every kernel with one. */
export interface EpilogueInputs {
  /** [N]: one for each column. */
  readonly bias?: Spec;
  /** [N] */
  readonly scale?: Spec;
  /** [R, N], where R divides the rows of the result: repeated down them. */
  readonly residual?: Spec;
}

/** The sources of a kernel with an epilogue, from its own. Marked `@__PURE__` where it is called, as records are. */
export function withEpilogue(...sources: readonly (string | LazySource)[]): readonly (string | LazySource)[] {
  return [activationSource, nanSource, epilogueSource, ...sources];
}

/** Throws unless the inputs fit a result of so many rows and columns. */
export function expectEpilogue(op: string, { bias, scale, residual }: EpilogueInputs, rows: number, N: number): void {
  if (bias) expectShape(op, "bias", bias.shape, [N], "columns of the result");
  if (scale) expectShape(op, "scale", scale.shape, [N], "columns of the result");
  if (!residual) return;
  const repeats = rowsOf(residual) === rows || rows % rowsOf(residual) === 0;
  if (!repeats || lastDim(residual) !== N) {
    throw new ShapeError(`[${op}] residual ${formatShape(residual.shape)} does not repeat into [${rows}, ${N}]`);
  }
}

/** The `residualRows` of a kernel's parameters. */
export function residualRows({ residual }: EpilogueInputs): number {
  return residual ? rowsOf(residual) : 1;
}

/** What lib/epilogue.wgsl needs for rows of N columns: four of them are read and written at once where N allows it. */
export function epilogueLaunch({ bias, scale, residual }: EpilogueInputs, params: EpilogueParams, N: number) {
  const width = N % 4 === 0 ? 4 : 1;
  return {
    lib: [width === 4 ? outVectorsSource : outElementsSource],
    types: wordTypes("Out", width),
    overrides: {
      ACTIVATION: ACTIVATIONS[params.activation ?? "none"],
      OUTPUT_ACTIVATION: ACTIVATIONS[params.outputActivation ?? "none"],
      HAS_BIAS: bias ? 1 : 0,
      HAS_SCALE: scale ? 1 : 0,
      HAS_RESIDUAL: residual ? 1 : 0,
    },
  };
}

/** The alias and constant by which a shader reads four elements at once, or one. */
export function wordTypes(name: "Out" | "Left", width: 1 | 4): Readonly<Record<string, string>> {
  return { [`${name}Word`]: width === 4 ? "vec4<Elem>" : "Elem", [`${name.toUpperCase()}_WIDTH`]: `${width}u` };
}
