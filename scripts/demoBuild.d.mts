// Types of what tests use of demoBuild.mjs.

/** Builds the site into `out`, which is emptied first. */
export function buildDemo(out: string): Promise<void>;
