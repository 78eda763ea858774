// A checkpoint's tensors by scoped name: `w.at("encoder.layers.3").get("fc1.weight")`. Names are those of Hugging Face;
// other published namings are read through a map from these names to theirs.
import { CheckpointError } from "../device/errors.ts";
import { formatShape, type Shape } from "../device/tensor.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { transpose } from "../graph/ops.ts";

/** A checkpoint's table of contents. */
export interface TensorTable {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape; readonly dtype: string }>;
}

/** A tensor under another naming: all of it, one of several equal parts of its rows, or its transpose. */
export interface StoredName {
  readonly name: string;
  readonly part?: { readonly index: number; readonly of: number };
  readonly transposed?: boolean;
}

/** From our name to the checkpoint's. */
export type Naming = (name: string) => StoredName;

/** An expected length, or undefined where any will do. */
export type ExpectedShape = readonly (number | undefined)[];

interface Root {
  readonly graph: Graph;
  readonly table: TensorTable;
  readonly dtype: "f32" | "f16";
  readonly naming: Naming;
  /** Names of stored tensors that were asked for. */
  readonly read: Set<string>;
}

export class Weights {
  readonly #root: Root;
  readonly #prefix: string;

  private constructor(root: Root, prefix: string) {
    this.#root = root;
    this.#prefix = prefix;
  }

  /**
   * All tensors of a checkpoint, to be read as values of `graph` of type `dtype`. Names of those that are asked for are
   * added to `read`.
   */
  static of(
    graph: Graph,
    table: TensorTable,
    dtype: "f32" | "f16",
    naming: Naming = (name) => ({ name }),
    read: Set<string> = new Set(),
  ): Weights {
    return new Weights({ graph, table, dtype, naming, read }, "");
  }

  get graph(): Graph {
    return this.#root.graph;
  }

  /** Type of the values. */
  get dtype(): "f32" | "f16" {
    return this.#root.dtype;
  }

  /** Names of stored tensors that were asked for so far, under any prefix. */
  get read(): ReadonlySet<string> {
    return this.#root.read;
  }

  /** The tensors below a prefix. */
  at(prefix: string): Weights {
    return new Weights(this.#root, `${this.#prefix}${prefix}.`);
  }

  /** The same tensors as values of another type. */
  as(dtype: "f32" | "f16"): Weights {
    return new Weights({ ...this.#root, dtype }, this.#prefix);
  }

  has(name: string): boolean {
    const { table, naming } = this.#root;
    return table.tensors.has(naming(this.#prefix + name).name);
  }

  /** Shape of a tensor as our naming has it. */
  shape(name: string): Shape {
    return this.#find(name).shape;
  }

  /** The tensor, or its rows [first, end); throws CheckpointError when it is missing or not of the expected shape. */
  get(name: string, expected: ExpectedShape = [], rows?: readonly [number, number]): Value {
    const { graph, dtype, read } = this.#root;
    const { stored, storedShape, shape } = this.#find(name);
    this.#check(name, shape, expected);
    read.add(stored.name);
    const range = this.#rows(stored, storedShape, rows);
    const kept = range ? [range[1] - range[0], ...storedShape.slice(1)] : storedShape;
    const weight = graph.weight(stored.name, { dtype, shape: kept }, range);
    return stored.transposed ? transpose({ x: weight }) : weight;
  }

  #find(name: string) {
    const { table, naming } = this.#root;
    const stored = naming(this.#prefix + name);
    const tensor = table.tensors.get(stored.name);
    if (!tensor) {
      const near = nearest(stored.name, [...table.tensors.keys()]);
      throw new CheckpointError(
        `${table.name} has no tensor "${stored.name}"${near && `; the nearest names are ${near}`}`,
      );
    }
    const [rows = 1, ...rest] = tensor.shape;
    if (stored.part && rows % stored.part.of) {
      throw new CheckpointError(
        `${table.name}: tensor "${stored.name}" has shape ${formatShape(tensor.shape)}, whose rows are not ` +
          `${stored.part.of} equal parts`,
      );
    }
    const shape = stored.part ? [rows / stored.part.of, ...rest] : tensor.shape;
    return { stored, storedShape: tensor.shape, shape: stored.transposed ? [...shape].reverse() : shape };
  }

  #rows({ part, transposed }: StoredName, shape: Shape, rows?: readonly [number, number]) {
    if (!part) return rows;
    if (transposed) throw new TypeError("a part of a transposed tensor is not supported");
    const size = (shape[0] ?? 0) / part.of;
    const first = part.index * size;
    return rows ? ([first + rows[0], first + rows[1]] as const) : ([first, first + size] as const);
  }

  #check(name: string, shape: Shape, expected: ExpectedShape): void {
    if (expected.length === 0) return;
    const fits = shape.length === expected.length && expected.every((n, i) => n === undefined || n === shape[i]);
    if (fits) return;
    const sizes = `[${expected.map((n) => n ?? "any").join(", ")}]`;
    throw new CheckpointError(
      `${this.#root.table.name}: tensor "${this.#prefix}${name}" has shape ${formatShape(shape)}, expected ${sizes} ` +
        "by config.json and the other tensors: they are of different models",
    );
  }
}

/** Three names that share the longest beginning, or else the ending, with the one asked for. */
function nearest(name: string, names: readonly string[]): string {
  const common = (other: string) => {
    let n = 0;
    while (n < name.length && name[n] === other[n]) n++;
    const sameEnd = name.split(".").slice(-2).join(".") === other.split(".").slice(-2).join(".");
    return n + (sameEnd ? 8 : 0);
  };
  const sorted = [...names].sort((a, b) => common(b) - common(a)).slice(0, 3);
  return sorted.map((other) => `"${other}"`).join(", ");
}
