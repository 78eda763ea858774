// The package as a user gets it: packed, installed in an empty folder, imported in Node, bundled for a browser,
// compiled against, and its command run. `npm run test:package` builds it first.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What a page downloads before its first call, gzipped; raise it only for something worth it. */
const BROWSER_BUDGET_KB = 100;

let folder: string;
let tarball: string;
let files: string[];

/** Runs a program and gives what it printed; its exit code is checked by the caller. */
function run(program: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, stdout, stderr };
}

/** Path of a program of the development dependencies. */
function tool(name: string): string {
  return join(ROOT, "node_modules", ".bin", name);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-package-"));
  const packed = run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], ROOT);
  const [report] = JSON.parse(packed.stdout);
  files = report.files.map(({ path }: { path: string }) => path);
  tarball = join(folder, report.filename);
  await writeFile(join(folder, "package.json"), '{ "name": "user", "private": true, "type": "module" }');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  const installed = run("npm", ["install", ...flags, tarball], folder);
  expect(installed.status, installed.stderr).toBe(0);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it("holds what it needs and nothing else", () => {
  const wanted = [
    "package.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "dist/index.js",
    "dist/browser/src/index.js",
    "dist/webgpu-vision.min.js",
    "dist/cli.js",
  ];
  expect(files).toEqual(expect.arrayContaining([...wanted, "checkpoints/tiny-clip/model.safetensors"]));
  const strangers = files.filter(
    (path) => !/^(dist|checkpoints\/tiny-\w+)\/|^(package\.json|[A-Z]+(\.md)?)$/.test(path),
  );
  expect(strangers).toEqual([]);
});

it("has entries that every resolution finds (publint, attw)", () => {
  const publint = run(tool("publint"), ["run", tarball, "--strict"], ROOT);
  expect(publint.status, publint.stdout + publint.stderr).toBe(0);
  const attw = run(tool("attw"), [tarball, "--profile", "esm-only", "--no-emoji", "--no-definitely-typed"], ROOT);
  expect(attw.status, attw.stdout + attw.stderr).toBe(0);
});

it("says in its changelog what this version brings", async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  expect(await readFile(join(ROOT, "CHANGELOG.md"), "utf8")).toContain(`\n## ${version}`);
});

it("imports in Node without its optional packages, and says which one a device needs", () => {
  const script = `
    import { openDevice } from "webgpu-vision";
    await openDevice().then(() => console.log("opened"), ({ name, message }) => console.log(name + ": " + message));`;
  const { status, stdout, stderr } = run(process.execPath, ["--input-type=module", "-e", script], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^AdapterError: .*npm install webgpu/);
});

it("compiles for a strict TypeScript user, and so do the examples of the README", async () => {
  const source = `
    import { type Device, openDevice, VisionError } from "webgpu-vision";
    export const device: Promise<Device> = openDevice({ powerPreference: "low-power" });
    export const isOurs = (error: unknown): boolean => error instanceof VisionError;
    // @ts-expect-error: no such option
    openDevice({ colour: "red" });`;
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code as string);
  expect(examples.length).toBeGreaterThan(0);
  const sources = [source, ...examples];
  const names = sources.map((_, i) => `user${i}.ts`);
  await Promise.all(sources.map((code, i) => writeFile(join(folder, names[i] as string), code)));
  for (const [module, moduleResolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ] as const) {
    const flags = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2023,esnext.disposable,dom,dom.iterable"];
    const args = [...flags, "--types", "", "--module", module, "--moduleResolution", moduleResolution, ...names];
    const { status, stdout } = run(tool("tsc"), args, folder);
    expect(status, stdout).toBe(0);
  }
});

it(`bundles for a browser without Node's parts, in at most ${BROWSER_BUDGET_KB} kB gzipped`, async () => {
  await writeFile(join(folder, "page.js"), 'export * from "webgpu-vision";');
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ["page.js"],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  expect(imports.filter((path) => /^(node:|webgpu$|sharp$)/.test(path))).toEqual([]);
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  expect(gzipSync(code).length / 1000).toBeLessThan(BROWSER_BUDGET_KB);
});

it("answers --help and --version, says what a wrong command was, and prints nothing else", async () => {
  const bin = join(folder, "node_modules", ".bin", "webgpu-vision");
  const help = run(bin, ["--help"], folder);
  expect({ status: help.status, stderr: help.stderr }).toEqual({ status: 0, stderr: "" });
  expect(help.stdout).toMatch(/^Usage: webgpu-vision/);
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  expect(run(bin, ["--version"], folder).stdout.trim()).toBe(version);
  const wrong = run(bin, ["clasify"], folder);
  expect(wrong.status).not.toBe(0);
  expect(wrong.stderr).toMatch(/clasify/);
  expect(wrong.stderr).not.toMatch(/^\s+at /m);
});

it("classifies a photo with the checkpoint that ships, given the optional packages", async () => {
  // A user installs these two by name; here they are those of this repository.
  for (const name of ["webgpu", "sharp"]) {
    const target = join(folder, "node_modules", name);
    if (!existsSync(target)) await symlink(join(ROOT, "node_modules", name), target, "dir");
  }
  const photo = join(ROOT, "demos/photos/chelsea.png");
  const args = ["classify", photo, "--labels", "cat,ship,truck", "--json"];
  const { status, stdout, stderr } = run(join(folder, "node_modules", ".bin", "webgpu-vision"), args, folder);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/"cat"/);
  expect(stdout.indexOf('"cat"')).toBeLessThan(stdout.indexOf('"ship"'));
});
