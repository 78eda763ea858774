// Indexes of pictures that a server has: what opens them is whoever starts it.
import { NotFoundError } from "../device/errors.ts";

/** An index that requests can search. */
export interface ServedIndex {
  /** What requests call it. */
  readonly name: string;
  /** The name of the model that its rows are of. */
  readonly model: string;
  /** How many pictures it has, of those that a condition in SQL holds for. */
  count(where: string | undefined): Promise<number>;
  /**
   * The rows nearest to a vector, best first.
   *
   * @throws ArgumentError for a condition that cannot be meant.
   */
  search(vector: Float32Array, options: IndexSearch): Promise<readonly IndexedPicture[]>;
}

export interface IndexSearch {
  /** How many, and how many of the best are passed over first. */
  readonly top: number;
  readonly offset: number;
  /** A condition in SQL. */
  readonly where: string | undefined;
  /** Look at all rows, even where there is an index of neighbours. */
  readonly isExact: boolean;
}

/** A picture that was found. */
export interface IndexedPicture {
  readonly path: string;
  /** Cosine with what was looked for. */
  readonly score: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly taken: Date | null;
}

/** The index that a request means: the one that it names, or the only one. */
export function indexOf(indexes: readonly ServedIndex[], name: string | undefined): ServedIndex {
  const [only] = indexes;
  if (!only) throw new NotFoundError("no index is served here: start the server with --index");
  const known = indexes.find((index) => index.name === name);
  if (known) return known;
  if (name === undefined && indexes.length === 1) return only;
  const came = name === undefined ? "the request names no index" : `there is no index ${JSON.stringify(name)}`;
  const names = indexes.map((index) => JSON.stringify(index.name)).join(" or ");
  throw new NotFoundError(`${came}, expected ${names}`);
}
