// Vectors in workgroup memory are written whole. A write to one component may write all of them (WGSL, "Component
// Reference from Vector Reference"): where other threads write the others, what they wrote can be lost, as on Metal.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SHADERS = readdirSync("shaders", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".wgsl"));

/** Assignments to a component of a vector of a shader's workgroup memory. */
function componentWrites(source: string): string[] {
  return [...source.matchAll(/^var<workgroup> (\w+): (.*);/gm)].flatMap(([, name, type = ""]) => {
    if (!/\bvec[234]/.test(type)) return [];
    const dimensions = type.split("array<").length - 1;
    const writes = [...source.matchAll(new RegExp(`^\\s*${name}((?:\\[.*\\]|\\.\\w+)+) [-+*/]?= `, "gm"))];
    return writes.map(([text]) => text.trim()).filter((text) => indicesOf(text) > dimensions);
  });
}

/** Indices and members of the left side of an assignment: brackets within brackets do not count. */
function indicesOf(text: string): number {
  let [depth, count] = [0, 0];
  for (const letter of text) {
    if (depth === 0 && (letter === "[" || letter === ".")) count++;
    depth += letter === "[" ? 1 : letter === "]" ? -1 : 0;
  }
  return count;
}

it("tells a component from a whole vector", () => {
  const source = "var<workgroup> tile: array<array<vec4<f32>, 4>, 2>;\n";
  expect(componentWrites(`${source}  tile[i / 4][lane % 4] = x;\n`)).toEqual([]);
  expect(componentWrites(`${source}  tile[other[i]][j][lane % 4] = x;\n`)).toHaveLength(1);
  expect(componentWrites(`${source}  tile[i][j].x += 1.0;\n`)).toHaveLength(1);
});

it.each(SHADERS)("%s writes vectors of workgroup memory whole", (name) => {
  expect(componentWrites(readFileSync(`shaders/${name}`, "utf8"))).toEqual([]);
});
