// The tests. `vitest run` takes those that need no browser and no build; `--mode browser`, `--mode site`, `--mode package`
// and `--mode full` (models at their real size) take those, `--mode slow` what takes minutes on a CPU adapter,
// `--mode docs` runs what the README and the guides show.
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

const INCLUDE: Readonly<Record<string, string[]>> = {
  browser: ["test/browser/**/*.test.ts"],
  site: ["test/site/**/*.test.ts"],
  package: ["test/package/**/*.test.ts"],
  full: ["test/full/**/*.test.ts"],
  slow: ["test/slow/**/*.test.ts"],
  docs: ["test/docs/**/*.test.ts"],
};

const SETUP: Readonly<Record<string, string[]>> = {
  browser: [],
  site: [],
  package: ["test/package/install.ts"],
  docs: [],
};

export default defineConfig(({ mode }) => ({
  plugins: [wgsl],
  test: {
    include: INCLUDE[mode] ?? ["test/**/*.test.ts"],
    exclude: INCLUDE[mode] ? [] : Object.values(INCLUDE).flat(),
    globalSetup: SETUP[mode] ?? ["test/adapters.ts"],
    testTimeout: 400_000,
    hookTimeout: 600_000,
    // One worker: the software adapters use every core by themselves.
    pool: "forks",
    maxWorkers: 1,
  },
}));
