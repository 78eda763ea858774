// Parts to try a model with.
import type { Example } from "./family.ts";
import type { Part } from "./part.ts";

/** A part with noise for its inputs, of which no user has need: a page loads it when it is asked for. */
export function example(part: Part): Example {
  return { part, inputs: async (random) => (await import("./exampleInputs.ts")).exampleInputs(part, random) };
}
