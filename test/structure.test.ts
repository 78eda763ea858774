// Holds the layout of the repository to what ARCHITECTURE.md says: which folder may import which, the files that a
// kernel has, a shader's bindings and parameters against its kernel's record, and the size and names of files.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { AnyKernel } from "../src/kernels/kernel.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Layer {
  /** Folders of src that it may import. */
  readonly values: readonly string[];
  /** Folders of which it may import types. */
  readonly types?: readonly string[];
}

const LAYERS: Readonly<Record<string, Layer>> = {
  device: { values: [] },
  geometry: { values: [] },
  kernels: { values: ["device"] },
  verify: { values: ["device", "kernels"] },
  graph: { values: ["device", "kernels"] },
  io: { values: ["device", "geometry"] },
  models: { values: ["device", "geometry", "kernels", "graph"], types: ["io"] },
  session: { values: ["device", "kernels", "verify", "graph", "io", "models"] },
  masks: { values: ["device", "geometry"] },
  features: { values: ["device", "geometry", "kernels", "graph", "io"] },
  search: { values: ["device", "kernels", "graph", "models", "session"], types: ["io"] },
  pictures: { values: ["device", "geometry", "graph", "io", "models", "session", "masks"] },
  api: {
    values: ["device", "geometry", "kernels", "graph", "io", "models", "session", "masks", "features", "pictures"],
  },
  check: { values: ["device", "kernels", "verify", "graph", "io", "models", "session", "pictures", "api"] },
  worker: { values: ["device", "geometry", "io", "models", "pictures", "api"], types: ["graph", "masks", "session"] },
  server: { values: ["device", "io", "masks", "models", "pictures", "session", "search", "api"] },
  cli: {
    values: [
      "device",
      "geometry",
      "verify",
      "io",
      "models",
      "session",
      "search",
      "masks",
      "features",
      "pictures",
      "api",
      "check",
      "server",
    ],
    types: ["graph"],
  },
};

/** The package's entries. */
const PUBLIC = new Set(
  ["index", "verification", "video", "search", "worker/index", "worker/thread"].map((name) => `src/${name}.ts`),
);

const SOURCE = new Set([".ts", ".wgsl", ".mjs", ".css", ".html"]);

/** Source files below a folder, as paths from the root. */
function sources(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => SOURCE.has(extname(name))).map((name) => join(folder, name));
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

interface Import {
  readonly target: string;
  readonly isType: boolean;
}

/** What a file imports from this repository, as paths from the root; shaders as they are. */
function importsOf(path: string): Import[] {
  const imports: Import[] = [];
  const statement =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^"';]*?)\bfrom\s+"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"\s*\)/g;
  for (const [, type, names = "", from, dynamic] of read(path).matchAll(statement)) {
    const target = relative(ROOT, resolve(ROOT, path, "..", (from ?? dynamic) as string));
    const listed = /^\{([^}]*)\}\s*$/
      .exec(names)?.[1]
      ?.split(",")
      .filter((name) => name.trim());
    const isType = type !== undefined || (listed?.every((name) => /^\s*type\s/.test(name)) ?? false);
    imports.push({ target, isType });
  }
  return imports;
}

/** The circles of a directed graph: from each file the first way back to itself, by depth first. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const isDone = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    if (way.includes(path)) return void circles.push([...way.slice(way.indexOf(path)), path]);
    if (isDone.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...way, path]);
    isDone.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return circles;
}

describe("layers", () => {
  it.each(sources("src"))("%s imports only from layers below its own", (path) => {
    const [, folder = ""] = path.split("/");
    const isTop = path.split("/").length === 2;
    const layer = LAYERS[folder];
    expect(isTop || layer, `a folder of src that is no layer: ${folder}`).toBeTruthy();
    const wrong = importsOf(path).filter(({ target, isType }) => {
      if (target.startsWith("shaders/")) return folder !== "kernels";
      const [top, into = ""] = target.split("/");
      if (top !== "src") return true;
      if (isTop || !layer) return into === "cli";
      return into !== folder && !layer.values.includes(into) && !(isType && layer.types?.includes(into));
    });
    expect(wrong).toEqual([]);
  });

  it("has no circle of files that import each other", () => {
    const files = sources("src");
    const graph = new Map(files.map((path) => [path, importsOf(path).map(({ target }) => target)]));
    expect(circlesOf(graph)).toEqual([]);
  });

  it("demos use the public package alone", () => {
    const wrong = sources("demos").flatMap((path) =>
      importsOf(path).filter(({ target }) => target.startsWith("src/") && !PUBLIC.has(target)),
    );
    expect(wrong).toEqual([]);
  });
});

describe("ARCHITECTURE.md", () => {
  const text = read("ARCHITECTURE.md");

  it("names every folder of src", () => {
    const folders = readdirSync(join(ROOT, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = folders.filter(({ name }) => !text.includes(`src/${name}/ `)).map(({ name }) => name);
    expect(missing).toEqual([]);
  });

  // Numbered items that begin with a file: a list is a way, and an item without a number 1 goes on with it.
  const items = [...text.matchAll(/^(\d+)\. `((?:src|shaders)\/[^`]+)`/gm)];
  const steps = items.flatMap(([, number, path], i) => {
    const next = items[i + 1];
    return next && Number(next[1]) === Number(number) + 1 ? [[path as string, next[2] as string] as const] : [];
  });

  it("has ways through the code", () => {
    expect(items.filter(([, number]) => number === "1").length).toBeGreaterThanOrEqual(6);
    expect(steps.length).toBeGreaterThan(20);
  });

  it.each(steps)("%s imports %s", (path, next) => {
    expect(existsSync(join(ROOT, next))).toBe(true);
    expect(importsOf(path).map(({ target }) => target)).toContain(next);
  });
});

const stems = sources("shaders")
  .filter((path) => !path.startsWith("shaders/lib/"))
  .map((path) => basename(path, ".wgsl"));

async function kernelOf(stem: string): Promise<AnyKernel> {
  const module = await import(`../src/kernels/${stem}.ts`);
  expect(Object.keys(module), `exports of src/kernels/${stem}.ts`).toContain(stem);
  return module[stem];
}

describe.each(stems)("kernel %s", (stem) => {
  const shader = read(`shaders/${stem}.wgsl`).replace(/\/\/.*$/gm, "");

  it("has its record, its reference, its test and its row in the benchmark", () => {
    const paths = [`src/kernels/${stem}.ts`, `src/verify/references/${stem}.ts`, `test/kernels/${stem}.test.ts`];
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(read("src/verify/index.ts")).toContain(`"./references/${stem}.ts"`);
    expect(read("src/kernels/index.ts")).toContain(`"./${stem}.ts"`);
    if (existsSync(join(ROOT, "bench/kernels.ts")))
      expect(read("bench/kernels.ts")).toMatch(new RegExp(`\\b${stem}\\b`));
  });

  it("binds its inputs in the record's order, then its outputs, then the parameters", async () => {
    const binding = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]+)>\s*(\w+)/g;
    const declared = [...shader.matchAll(binding)].map(([, group, index, space = "", name]) => {
      return { group, index: Number(index), access: space.replace(/\s/g, ""), name };
    });
    const { inputs, outputs } = await kernelOf(stem);
    // One output has any name; several are called as the record calls them.
    const written = outputs.length === 1 ? [declared[inputs.length]?.name] : outputs;
    const access = ["storage,read", "storage,read_write", "uniform"];
    const expected = [inputs, written, ["params"]].flatMap((names, kind) =>
      names.map((name) => ({ access: access[kind], name })),
    );
    expect(declared).toEqual(expected.map((binding, index) => ({ group: "0", index, ...binding })));
  });

  it("declares its parameters as the record does", async () => {
    const body = /struct Params\s*\{([^}]*)\}/.exec(shader)?.[1] ?? "";
    const fields = [...body.matchAll(/(\w+)\s*:\s*(\w+)/g)].map(([, name, type]) => [name, type]);
    expect(fields).toEqual(Object.entries((await kernelOf(stem)).params));
  });

  it("is marked as pure, so that pages that do not use it do not carry it", () => {
    const unmarked = /^export const \w+ = (op\(|defineKernel<)/m;
    expect(read(`src/kernels/${stem}.ts`)).not.toMatch(unmarked);
    expect(read("src/graph/ops.ts")).not.toMatch(unmarked);
  });

  it("has the name of its file", async () => {
    expect((await kernelOf(stem)).name).toBe(stem);
  });
});

describe("files", () => {
  const all = ["src", "shaders", "test", "bench", "scripts", "demos", "examples"].flatMap(sources);

  it("finds the kernels and the files", () => {
    expect(stems).toContain("layerNorm");
    expect(all.length).toBeGreaterThan(stems.length * 4);
  });

  it("have names that say what is in them", () => {
    expect(all.filter((path) => /\b(utils?|helpers?|common|manager|misc)\b/i.test(path))).toEqual([]);
  });

  const linesOf = (path: string) => read(path).trimEnd().split("\n");

  it("are at most 350 lines long", () => {
    const long = all.filter((path) => !path.startsWith("test/") && linesOf(path).length > 350);
    expect(long.map((path) => `${path}: ${linesOf(path).length}`)).toEqual([]);
  });

  it("are at most 120 columns wide", () => {
    const wide = all.flatMap((path) => {
      // One long literal cannot be broken.
      const isWide = (line: string) => line.length > 120 && line.trim().includes(" ");
      return linesOf(path).flatMap((line, i) => (isWide(line) ? [`${path}:${i + 1}`] : []));
    });
    expect(wide).toEqual([]);
  });

  it("open by saying what they are", () => {
    const silent = [...sources("src"), ...sources("shaders"), ...sources("scripts")].filter((path) => {
      return !path.endsWith(".d.ts") && !/^(#!.*\n)?(\/\/|\/\*)/.test(read(path));
    });
    expect(silent).toEqual([]);
  });
});
