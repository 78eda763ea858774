// Types of what tests use of bundle.mjs.

/** Bundles a file and all it needs for a browser, and gives the script. */
export function bundleForBrowser(entry: string): Promise<Uint8Array>;
