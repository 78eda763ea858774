// The tests, in projects by what they need: `vitest run --project host --project device` runs two of them, a path in
// place of a name takes its file from whichever project has it. package.json and .ci/run name the projects.
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

/** What runs outside of `npm test`: each folder of test/ is a project of its name. */
const APART = ["browser", "site", "package", "installs", "full", "slow", "docs"];

/** Tests that use no device: they run once, whatever adapters there are. */
const HOST = [
  "test/{audit,docs,structure}.test.ts",
  "test/io/*.test.ts",
  "test/trust/{crash,hub,pictures,safetensors,safetensorsPython,settings}.test.ts",
  "test/device/{adapter,open}.test.ts",
  "test/server/admission.test.ts",
  "test/search/storedRows.test.ts",
  "test/graph/{finite,fuse,graph,plan,slots}.test.ts",
  "test/kernels/{attentionVariants,matrixUnits,workgroupMemory}.test.ts",
  "test/models/{settingsFiles,timm,weights}.test.ts",
  "test/models/{clipConfig,clipTokens,edgeTamConfig,families,part,plainNames,processorConfig,quantisedBytes,sam2Config}.test.ts",
  "test/api/{attentionMaps,cocoDataset,generateMasks,generateMasksExact,knn,masks,matchPatches,pca,propagateMask}.test.ts",
  "test/cli/{adapter,busyTime,dinoUsage,drawing,embeddingCache,modelCards,palette,parts,pictures,prompts,trackPrompts}.test.ts",
];

/** Tests on a device that would disturb others of their process, or be disturbed. */
const ISOLATED = [
  "test/kernels/matmul.test.ts", // switches of Dawn's own, which hold for a process
  "test/device/dawn.test.ts", // counts turns of the event loop
  "test/device/memory.test.ts", // measures the heap
];

/** One worker: the software adapters use every core by themselves. */
const ONE_WORKER = { pool: "forks", maxWorkers: 1, globalSetup: ["test/adapters.ts", "test/smallModels.ts"] } as const;

function project(name: string, include: readonly string[], options: object = {}) {
  const timeouts = { testTimeout: 400_000, hookTimeout: 600_000 };
  return { plugins: [wgsl], test: { name, include: [...include], ...timeouts, ...options } };
}

/** A folder whose tests take turns. */
function apart(name: string, options: object) {
  return project(name, [`test/${name}/**/*.test.ts`], { ...ONE_WORKER, sequence: { groupOrder: 3 }, ...options });
}

export default defineConfig({
  test: {
    projects: [
      // A test that opens a device after all finds no driver.
      project("host", HOST, { pool: "forks", env: { VK_ICD_FILENAMES: "/no/driver", WEBGPU_VISION_ADAPTER: "" } }),
      // One process, and in it one device (`testDevice`) for all files: a shader that several use is compiled once.
      project("device", ["test/**/*.test.ts"], {
        ...ONE_WORKER,
        exclude: [...HOST, ...ISOLATED, ...APART.map((name) => `test/${name}/**`)],
        isolate: false,
        sequence: { groupOrder: 1 },
      }),
      project("isolated", ISOLATED, { ...ONE_WORKER, sequence: { groupOrder: 2 } }),
      apart("browser", { globalSetup: ["test/smallModels.ts"] }),
      apart("site", { globalSetup: ["test/smallModels.ts"] }),
      apart("package", { globalSetup: ["test/package/install.ts", "test/smallModels.ts"] }),
      apart("installs", { globalSetup: ["test/package/install.ts"] }),
      apart("full", {}),
      apart("slow", {}),
      apart("docs", { globalSetup: ["test/smallModels.ts"] }),
    ],
  },
});
