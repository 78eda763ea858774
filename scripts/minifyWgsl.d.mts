// Types of what tests use of minifyWgsl.mjs.

/** The table of names for shaders that belong together. */
export function shaderNames(sources: readonly string[]): Map<string, string>;

/** A shader in few bytes, with names from a table. */
export function minifyWgsl(source: string, names?: ReadonlyMap<string, string>): string;
