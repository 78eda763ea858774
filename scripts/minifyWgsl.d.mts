// Types of what tests use of minifyWgsl.mjs.

/** What shaders that belong together declare. */
export interface ShaderNames {
  /** New names of what their modules declare. */
  readonly table: ReadonlyMap<string, string>;
}

export function shaderNames(sources: readonly string[]): ShaderNames;

/** A shader in few bytes, with names from a table. */
export function minifyWgsl(source: string, names?: ShaderNames): string;

/** WGSL's second names of types of f32, and lists without a last comma. */
export function shortForms(code: string): string;
