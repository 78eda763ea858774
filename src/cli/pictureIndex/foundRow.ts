// What a search of an index tells of a picture.

/** What is known of a picture that was found. */
export interface FoundFacts {
  readonly path: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly taken: Date | null;
}

/** A row that a search has found. */
export interface FoundRow extends FoundFacts {
  /** Cosine with what was looked for. */
  readonly score: number;
}

/** Columns of a row as LanceDB gives them. */
// biome-ignore lint/suspicious/noExplicitAny: LanceDB's rows have no types.
export function factsOf({ path, width, height, taken }: any): FoundFacts {
  return { path, width, height, taken: taken === null ? null : new Date(taken) };
}
