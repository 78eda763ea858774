// Types of what tests use of bundle.mjs.

/** Bundles a file and all it needs for a browser, and gives the script. */
export function bundleForBrowser(entry: string): Promise<Uint8Array>;

/** Bundles a file for Node, with packages left outside, and gives the path of the result. */
export function bundleForNode(entry: string): Promise<string>;

/** What every build has in common. */
export const COMMON: import("esbuild").BuildOptions;

/** For browsers: an empty module in the place of what only Node has. */
export const withoutNode: import("esbuild").Plugin;
