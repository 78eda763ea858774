// The build for Node: as bundlers for servers take it, where no optional package is installed, and as people read it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, inject, it } from "vitest";
import { ROOT, run } from "./install.ts";

const { folder } = inject("installed");
const { engines, dependencies, peerDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));

it("is bundled for a server, whatever optional packages there are, and starts", async () => {
  const place = join(folder, "server");
  await mkdir(place);
  await writeFile(join(place, "server.js"), 'import { Sam } from "webgpu-vision"; console.log(typeof Sam);');
  const options = { bundle: true, platform: "node", format: "esm", metafile: true, logLevel: "silent" } as const;
  const outfile = join(place, "out.mjs");
  const { metafile } = await build({ ...options, entryPoints: [join(place, "server.js")], outfile });
  const seen = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ original }) => original));
  const optional = Object.keys(peerDependencies);
  expect(seen.filter((name) => optional.includes(name ?? ""))).toEqual([]);
  const { status, stdout, stderr } = run(process.execPath, [outfile], place);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "function\n", stderr: "" });
});

describe("what people see of it", () => {
  const node = (script: string, ...flags: string[]) =>
    run(process.execPath, [...flags, "--input-type=module", "-e", script], folder);
  const failing = 'import { Clip } from "webgpu-vision"; await Clip.fromPretrained("./no-such-folder");';

  it("an error prints its class and message, and no more of the code than a line", () => {
    const { stderr } = node(failing);
    expect(stderr).toMatch(/^NotFoundError: there is no folder \.\/no-such-folder/m);
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(250);
  });

  it("a stack trace names the source's files, with their maps", () => {
    expect(node(failing, "--enable-source-maps").stderr).toMatch(/src\/io\/source\/openSource\.ts:\d+/);
  });

  it("objects print their class", () => {
    const script = `
      import { KnnClassifier } from "webgpu-vision";
      console.log(new KnnClassifier({ data: new Float32Array([1, 0, 0, 1]), shape: [2, 2] }, ["a", "b"]));`;
    const { stdout, stderr } = node(script);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^KnnClassifier /);
  });
});

it("names no version of Node that a package it needs refuses", async () => {
  const lowest = (range: string) => (/\d+(\.\d+)?/.exec(range)?.[0] ?? "0").split(".").map(Number);
  const [major = 0, minor = 0] = lowest(engines.node);
  const names = Object.keys({ ...dependencies, ...peerDependencies });
  const refusing: string[] = [];
  for (const name of names) {
    const manifest = JSON.parse(await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8"));
    const [needed = 0, least = 0] = lowest(manifest.engines?.node ?? "0");
    if (needed > major || (needed === major && least > minor)) refusing.push(`${name}: ${manifest.engines.node}`);
  }
  expect(refusing).toEqual([]);
});
