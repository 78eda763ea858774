// The package as a user gets it: packed, installed in an empty folder, imported in Node, compiled against, and its
// command run. Pages that use it are in pages.test.ts.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { KERNELS } from "../../src/check/verifyKernels.ts";
import { shippedCheckpoints } from "../../src/cli/files/paths.ts";
import { addOptionalPackages, addPackages, ROOT, run, tool } from "./install.ts";

const { folder, tarball, files } = inject("installed");

it("holds what it needs and nothing else", () => {
  const neededFiles = [
    "package.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "dist/index.js",
    "dist/browser/src/index.js",
    "dist/webgpu-vision.min.js",
    "dist/cli.js",
    "dist/openapi.json",
    "dist/THIRD_PARTY_LICENSES.txt",
  ];
  const checkpoints = ["checkpoints/tiny-clip/model.safetensors", "checkpoints/seeded-mobile-sam/manifest.json"];
  expect(files).toEqual(expect.arrayContaining([...neededFiles, ...checkpoints]));
  const strangers = files.filter(
    (path) =>
      !/^(dist|checkpoints\/(tiny|seeded)-[\w-]+)\/|^((worker\/|verify\/|video\/|search\/)?package\.json|[A-Z]+(\.md)?)$/.test(
        path,
      ),
  );
  expect(strangers).toEqual([]);
});

it("has the terms of the packages that are bundled", async () => {
  const notices = await readFile(join(ROOT, "dist/THIRD_PARTY_LICENSES.txt"), "utf8");
  for (const name of ["@huggingface/tokenizers", "comlink", "wgpu-matrix"]) {
    expect(notices).toMatch(new RegExp(`^${name} [\\d.]+ \\((Apache-2.0|MIT)\\)`, "m"));
  }
  expect(notices).toContain("Permission is hereby granted, free of charge");
});

it("has entries that every resolution finds (publint, attw)", () => {
  const publint = run(tool("publint"), ["run", tarball, "--strict"], ROOT);
  expect(publint.status, publint.stdout + publint.stderr).toBe(0);
  const flags = ["--profile", "esm-only", "--no-emoji", "--no-definitely-typed"];
  const scripts = ["--exclude-entrypoints", "worker-thread", "openapi"]; // nobody imports code from them
  const attw = run(tool("attw"), [tarball, ...flags, ...scripts], ROOT);
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
    const args = [...flags, "--module", module, "--moduleResolution", moduleResolution, ...names];
    const { status, stdout } = run(tool("tsc"), args, folder);
    expect(status, stdout).toBe(0);
  }
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
  addOptionalPackages(folder);
  const photo = join(ROOT, "demos/photos/chelsea.png");
  const args = ["classify", photo, "--labels", "cat,ship,truck", "--json"];
  const { status, stdout, stderr } = run(join(folder, "node_modules", ".bin", "webgpu-vision"), args, folder);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/"cat"/);
  expect(stdout.indexOf('"cat"')).toBeLessThan(stdout.indexOf('"ship"'));
});

it("computes what it should with the shaders that it ships, on this machine's adapter", () => {
  addOptionalPackages(folder);
  // MobileSAM takes as long as all others; its shaders are those of the kernels, each of which is run.
  const names = [...KERNELS, ...shippedCheckpoints().filter((name) => name !== "seeded-mobile-sam")];
  const bin = join(folder, "node_modules", ".bin", "webgpu-vision");
  const { status, stdout, stderr } = run(bin, ["verify", ...names], folder);
  expect(status, stdout + stderr).toBe(0);
});

it("serves, once a server's packages are there, what the types of its document say", async () => {
  addOptionalPackages(folder);
  const bin = join(folder, "node_modules", ".bin", "webgpu-vision");
  const missing = run(bin, ["serve", "--port", "0"], folder);
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringMatching(/npm install fastify @fastify/)]);
  addPackages(folder, ["fastify", "@fastify/multipart", "@fastify/swagger", "prom-client", "openapi-fetch"]);
  await writeFile(join(folder, "client.ts"), CLIENT);
  const flags = ["--strict", "--target", "es2022", "--lib", "es2023,dom", "--module", "nodenext", "--types", "node"];
  const roots = ["--typeRoots", join(ROOT, "node_modules", "@types")];
  const compiled = run(tool("tsc"), [...flags, ...roots, "client.ts"], folder);
  expect(compiled.status, compiled.stdout).toBe(0);
  const checkpoint = join(folder, "node_modules/webgpu-vision/checkpoints/tiny-clip");
  const { status, stdout, stderr } = run(process.execPath, ["client.js", bin, `clip=${checkpoint}`], folder);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/^(.*SwiftShader.*\n)?stopping.*\n$/),
  });
  expect(JSON.parse(stdout)).toEqual({ embeddings: [128, 128], models: ["clip"] });
});

/** Starts the server, asks it by the types of its document, and ends it. */
const CLIENT = `
  import { spawn } from "node:child_process";
  import createClient from "openapi-fetch";
  import type { paths } from "webgpu-vision/openapi";
  const args = ["serve", process.argv[3]!, "--port", "0", "--json"];
  const server = spawn(process.argv[2]!, args, { stdio: ["ignore", "pipe", "inherit"] });
  server.stdout.once("data", async (line) => {
    const client = createClient<paths>({ baseUrl: JSON.parse(String(line)).address });
    const input = ["a cat", "a dog"];
    const { data } = await client.POST("/v1/embeddings", { body: { input, encoding_format: "float" } });
    const embeddings = data!.data.map(({ embedding }) => embedding.length);
    const models = (await client.GET("/v1/models")).data!.data.map(({ id }) => id);
    // @ts-expect-error: a picture is text
    const wrong = () => client.POST("/v1/classify", { body: { images: [1], labels: ["a"] } });
    console.log(JSON.stringify({ embeddings, models }));
    server.kill("SIGTERM");
  });`;

it("stays within the sizes that package.json allows (size-limit)", () => {
  const { status, stdout, stderr } = run(tool("size-limit"), [], ROOT);
  expect(status, stdout + stderr).toBe(0);
});
