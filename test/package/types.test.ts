// The declarations of the installed package as compilers read them: each resolution, with the DOM's library and with
// Node's types alone, nothing of a library skipped. `npm run test:installs` has older versions of TypeScript.
import { symlinkSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { ROOT } from "./install.ts";

const { folder, files } = inject("installed");

const USER = `
  import { type Device, openDevice, VisionError } from "webgpu-vision";
  import { verifyKernels } from "webgpu-vision/verify";
  import { VideoSegmenter } from "webgpu-vision/video";
  import { ExactSearch } from "webgpu-vision/search";
  export const device: Promise<Device> = openDevice({ powerPreference: "low-power" });
  export const isOurs = (error: unknown): boolean => error instanceof VisionError;
  export const verified = verifyKernels;
  export const followed = VideoSegmenter;
  // @ts-expect-error: no such option
  openDevice({ colour: "red" });`;

const IN_PAGES = `
  import { Clip, startWorker } from "webgpu-vision/worker";
  export const clip = startWorker().then(() => Clip.fromPretrained("openai/clip-vit-base-patch32"));`;

const { ModuleKind, ModuleResolutionKind } = ts;
const RESOLUTIONS = {
  nodenext: { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
  bundler: { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
  node10: { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Node10, ignoreDeprecations: "6.0" },
};

/** What a project has: only where it has the DOM is there a worker. */
const LIBRARIES = {
  "the DOM": { lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"], types: [] },
  "the DOM and Node's types": { lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"], types: ["node"] },
  "Node's types": { lib: ["lib.es2023.d.ts"], types: ["node"] },
};

const place = join(folder, "types");

beforeAll(async () => {
  await mkdir(place);
  await writeFile(join(place, "user.ts"), USER);
  await writeFile(join(place, "page.ts"), IN_PAGES);
  await mkdir(join(place, "node_modules/@types"), { recursive: true });
  for (const name of ["@types/node", "undici-types"]) {
    symlinkSync(join(ROOT, "node_modules", name), join(place, "node_modules", name), "dir");
  }
});

/** Libraries are parsed once for all. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function complaints(names: readonly string[], given: ts.CompilerOptions): string[] {
  const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, skipLibCheck: false, ...given };
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getCurrentDirectory = () => place;
  host.getSourceFile = (path, ...rest) => {
    if (!/[\\/]lib\.[\w.]+\.d\.ts$/.test(path)) return getSourceFile(path, ...rest);
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram({ rootNames: names.map((name) => join(place, name)), options, host });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}

describe.each(Object.entries(LIBRARIES))("with %s", (name, library) => {
  it.each(Object.entries(RESOLUTIONS))("declarations are found and whole by the resolution %s", (_, resolution) => {
    const names = name === "Node's types" ? ["user.ts"] : ["user.ts", "page.ts"];
    expect(complaints(names, { ...library, ...resolution })).toEqual([]);
  });
});

it("has no generic arrays in its declarations, which TypeScript 5.6 does not know", async () => {
  const declarations = files.filter((path) => path.endsWith(".d.ts"));
  const texts = await Promise.all(
    declarations.map((path) => readFile(join(folder, "node_modules/webgpu-vision", path), "utf8")),
  );
  const generic = declarations.filter((_, i) => /\b\w+Array<ArrayBuffer(Like)?>/.test(texts[i] ?? ""));
  expect(generic).toEqual([]);
});

it("has main, types and browser say what its exports say, for tools that know no exports", async () => {
  const { exports, ...manifest } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const { types, browser, default: main } = exports["."];
  expect(manifest).toMatchObject({ types, browser, main, module: main });
});
