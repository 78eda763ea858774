// A length that is known only when a plan runs: how many rows of a memory are filled, say.

/**
 * A length that each run gives, between 0 and `most`, from `graph.length`. Kernels take it where their parameters say
 * so; memory and workgroups are planned for `most`.
 */
export class Length {
  /** By which a run gives it. */
  readonly name: string;
  /** The largest that a run may give. */
  readonly most: number;

  constructor(name: string, most: number) {
    this.name = name;
    this.most = most;
  }
}

/** The largest that a parameter can be. */
export function mostOf(value: number | Length): number {
  return typeof value === "number" ? value : value.most;
}
