// Shaders as the package holds them: the same tokens under a table of names that loses nothing, and modules that
// compile. What they compute, `webgpu-vision verify` tests in the packed package.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minifyWgsl, shaderNames } from "../scripts/minifyWgsl.mjs";
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

describe("the table of names", () => {
  it("gives no two names the same one, and none that a shader says already", () => {
    const said = new Set([...sources.values()].flatMap(tokens));
    expect(names.size).toBeGreaterThan(100);
    expect(new Set(names.values()).size).toBe(names.size);
    expect([...names.values()].filter((name) => said.has(name))).toEqual([]);
  });

  it("leaves alone what the host says: overrides, alias and const lines, bindings, entry points", () => {
    const source = `
      alias Elem = f32;
      const TILE = 16u;
      override SPLITS: u32 = 1;
      struct Params { rows: u32 }
      @group(0) @binding(0) var<storage, read> data: array<Elem>;
      @compute @workgroup_size(8) fn twoRows(@builtin(workgroup_id) group: vec3u) { let local = group.x; }`;
    expect([...shaderNames([source]).keys()].sort()).toEqual(["Params", "group", "local", "rows"]);
  });
});

describe("minifyWgsl", () => {
  it("keeps apart what would be read as one, and lines that the host replaces", () => {
    const source = "alias Elem = f32; // a type\nconst A = 1e-5;\nfn f(a: f32) -> f32 {\n  return a - -a;\n}\n";
    expect(minifyWgsl(source)).toBe("alias Elem=f32;\nconst A=1e-5;fn f(a:f32)->f32{return a- -a;}\n");
  });

  it.each(files)("%s: the same tokens, in fewer bytes", (name) => {
    const source = sources.get(name) as string;
    const back = new Map([...names].map(([long, short]) => [short, long]));
    const made = minifyWgsl(source, names);
    expect(tokens(made).map((token) => back.get(token) ?? token)).toEqual(tokens(source));
    expect(made.length).toBeLessThan(0.8 * source.length);
  });
});

describe("every kernel compiles", () => {
  let device: Device;

  beforeAll(async () => {
    device = await openDevice();
  });

  afterAll(() => device?.destroy());

  const all = Object.entries(kernels).filter(([, kernel]) => typeof kernel === "object" && "wgsl" in kernel);

  it.each(all as [string, AnyKernel][])("%s", async (_, { wgsl, lib }) => {
    const code = minifyWgsl([wgsl, ...lib].join("\n"), names);
    const types = device.hasF16 && /^alias Elem\b/m.test(code) ? ["f32", "f16"] : [];
    for (const values of [{}, ...types.map((Elem) => ({ Elem }))]) {
      const module = device.gpu.createShaderModule({ code: specialize(code, values) });
      const { messages } = await module.getCompilationInfo();
      expect(messages.filter(({ type }) => type === "error").map(({ message }) => message)).toEqual([]);
    }
  });
});
