import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Imports a .wgsl file as its text, as esbuild's `loader: { ".wgsl": "text" }` does in the build. */
const wgsl = {
  name: "wgsl",
  enforce: "pre" as const,
  load(id: string) {
    return id.endsWith(".wgsl") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))};` : undefined;
  },
};

export default defineConfig({
  plugins: [wgsl],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One worker: the software adapters use every core by themselves.
    pool: "forks",
    maxWorkers: 1,
  },
});
