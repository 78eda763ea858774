// Shaders as the package holds them: the same tokens under a table of names that loses nothing, and modules that
// compile. What they compute, `webgpu-vision verify` tests in the packed package.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minifyWgsl, shaderNames, shortForms } from "../scripts/minifyWgsl.mjs";
import type { Device } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import * as kernels from "../src/kernels/index.ts";
import { type AnyKernel, specialize } from "../src/kernels/kernel.ts";

const FOLDER = join(import.meta.dirname, "../shaders");
const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".wgsl"));
const sources = new Map(files.map((name) => [name, readFileSync(join(FOLDER, name), "utf8")]));
const names = shaderNames([...sources.values()]);

/** Everything but comments and gaps. */
function tokens(source: string): string[] {
  return source.replace(/\/\/.*/g, "").match(/[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|\S/g) ?? [];
}

/**
 * Throws unless two lists of tokens differ in names alone, one for one: within each function, whatever it is that has
 * the name, and for members, which stand behind a dot, within the file.
 */
function expectRenaming(before: readonly string[], after: readonly string[]): void {
  expect(after).toHaveLength(before.length);
  const members = [new Map<string, string>(), new Map<string, string>()] as const;
  let depth = 0;
  let locals = [new Map<string, string>(), new Map<string, string>()] as const;
  for (const [i, name] of before.entries()) {
    const renamed = after[i] as string;
    depth += name === "{" ? 1 : name === "}" ? -1 : 0;
    if (name === "fn" || (depth === 0 && /^[;}]$/.test(name))) locals = [new Map(), new Map()];
    const [to, from] = before[i - 1] === "." ? members : locals;
    if (before[i - 1] === "@" || !/^[A-Za-z_]/.test(name)) expect(renamed).toBe(name);
    else expect([to.get(name) ?? renamed, from.get(renamed) ?? name]).toEqual([renamed, name]);
    to.set(name, renamed);
    from.set(renamed, name);
  }
}

describe("the table of names", () => {
  it("gives no two names the same one, and none that a shader says already", () => {
    const said = new Set([...sources.values()].flatMap(tokens));
    expect(names.table.size).toBeGreaterThan(100);
    expect(new Set(names.table.values()).size).toBe(names.table.size);
    expect([...names.table.values()].filter((name) => said.has(name))).toEqual([]);
  });

  it("leaves alone what the host says: overrides, alias and const lines, entry points", () => {
    const source = `
      alias Elem = f32;
      const TILE = 16u;
      override SPLITS: u32 = 1;
      struct Params { rows: u32 }
      var<workgroup> sums: array<f32, 8>;
      @group(0) @binding(0) var<storage, read> data: array<Elem>;
      @compute @workgroup_size(8) fn twoRows(@builtin(workgroup_id) group: vec3u) { let local = group.x; }`;
    expect([...shaderNames([source]).table.keys()].sort()).toEqual(["Params", "data", "rows", "sums"]);
  });
});

describe("minifyWgsl", () => {
  it("keeps apart what would be read as one, and lines that the host replaces", () => {
    const source = "alias Elem = f32; // a type\nconst A = 1e-5;\nfn f(x: f32) -> f32 {\n  return x - -x;\n}\n";
    expect(minifyWgsl(source)).toBe("alias Elem=f32;\nconst A=1e-5;fn f(a:f32)->f32{return a- -a;}\n");
  });

  it("gives a function's names no letter that means something else in it, and members their own", () => {
    const source = `
      @group(0) @binding(0) var<storage, read> a: array<f32>;
      struct Place { row: u32 }
      fn value(row: u32, place: Place) -> f32 { return a[row + place.row]; }`;
    const minified = minifyWgsl(source, shaderNames([source]));
    expect(minified).toContain("struct ad{ac:u32}fn ae(b:u32,c:ad)->f32{return a[b+c.ac];}");
  });

  it.each(files)("%s: the same tokens but for names, in fewer bytes", (name) => {
    const source = sources.get(name) as string;
    const minified = minifyWgsl(source, names);
    expectRenaming(tokens(shortForms(source.replace(/\/\/.*/g, ""))), tokens(minified));
    expect(minified.length).toBeLessThan(0.8 * source.length);
  });
});

describe("every kernel compiles", () => {
  let device: Device;

  beforeAll(async () => {
    device = await openDevice();
  });

  afterAll(() => device?.destroy());

  const all = Object.entries(kernels).filter(([, kernel]) => typeof kernel === "object" && "wgsl" in kernel);

  /** Files with entry points that are added at launch: the kernels that they are added to, and what they call. */
  const loops: Readonly<Record<string, readonly [of: readonly string[], calls: readonly string[]]>> = {
    attentionFlashTile: [["attention"], ["unroll", "rowVectors", "noLanes", "attentionKeys"]],
    attentionRegisterTile: [["attention"], ["outer", "noLanes"]],
    layerNormLanes: [["layerNorm"], ["noLanes"]],
    layerNormRows: [["layerNorm"], []],
    layerNormVectors: [["layerNorm"], []],
    productGemv: [["matmul", "conv2d"], []],
    productRegisterTile: [["matmul", "conv2d"], ["unroll"]],
    productSharedTile: [["matmul", "conv2d"], ["unroll"]],
    productSubgroupTile: [
      ["matmul", "conv2d"],
      ["noLanes", "unroll"],
    ],
  };
  const added = Object.entries(loops).flatMap(([name, [kernelNames, calls]]) =>
    kernelNames.map((kernelName) => {
      const kernel = Object.fromEntries(all)[kernelName] as AnyKernel;
      const lib = [...calls, name].map((file) => sources.get(`lib/${file}.wgsl`) as string);
      return [`${name} of ${kernelName}`, { ...kernel, lib }] as const;
    }),
  );

  /** Functions of files that are added at launch, and these files. */
  const addedAtLaunch = { storeOut: ["outVectors"], scoresOf: ["relativeElements", "noLanes"] };

  /** What only adapters with matrix units compile: test/kernels/matmul.test.ts, as it stands in shaders. */
  const special = ["productSubgroupMatrixTile", "attentionSubgroupMatrixTile"];

  /** Entry points that kernels have always. */
  const always = ["flat", "words"];

  it("of those with entry points that are added at launch, each has its test below", () => {
    const apart = [...sources].filter(([name, text]) => name.startsWith("lib/") && text.includes("@compute"));
    expect(apart.map(([name]) => name.slice(4, -5)).sort()).toEqual(
      [...Object.keys(loops), ...special, ...always].sort(),
    );
  });

  it.each([...all, ...added] as [string, AnyKernel][])("%s", async (name, { wgsl, lib }) => {
    const texts = await Promise.all(
      [...wgsl, ...lib].map(async (part) => (typeof part === "string" ? part : (await part()).default)),
    );
    for (const [call, files] of Object.entries(addedAtLaunch)) {
      if (texts.some((text) => text.includes(`${call}(`))) {
        texts.push(...files.map((file) => sources.get(`lib/${file}.wgsl`) as string));
      }
    }
    const code = minifyWgsl(texts.join("\n"), names);
    const words: Readonly<Record<string, string>> = { attentionRegisterTile: "Elem", layerNormVectors: "vec4<Elem>" };
    const RowWord = words[name.split(" ")[0] ?? ""];
    const rowWord: Record<string, string> = RowWord ? { RowWord } : {};
    const types = device.hasF16 && /^alias Elem\b/m.test(code) ? ["f32", "f16"] : [];
    for (const values of [rowWord, ...types.map((Elem) => ({ ...rowWord, Elem }))]) {
      const module = device.gpu.createShaderModule({ code: specialize(code, values) });
      const { messages } = await module.getCompilationInfo();
      expect(messages.filter(({ type }) => type === "error").map(({ message }) => message)).toEqual([]);
    }
  });
});
