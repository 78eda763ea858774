// The programs in examples/, run as they are against the installed package, with the CLIP that it ships.
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { startChromium } from "../browser/chromium.ts";
import { addOptionalPackages, ROOT, run, tool } from "./install.ts";
import { serveFolder } from "./serveFolder.ts";

const { folder } = inject("installed");
const photo = join(ROOT, "demos/photos/chelsea.png");
const model = join(folder, "node_modules/webgpu-vision/checkpoints/tiny-clip");
const LABELS = "ship,cat,truck";

/** Copies an example beside the installed package, as a user has it. */
async function example(path: string): Promise<string> {
  addOptionalPackages(folder);
  const name = path.replace("/", "-");
  await cp(join(ROOT, "examples", path), join(folder, name));
  return name;
}

it("examples/node says what is in a photo", async () => {
  const { status, stdout, stderr } = run("node", [await example("node/classify.mjs"), photo, LABELS, model], folder);
  expect(status, stderr).toBe(0);
  expect(stdout.trim().split("\n")).toHaveLength(3);
  expect(stdout).toMatch(/^ *\d+\.\d % {2}cat\n/);
});

it("examples/deno says what is in a photo", async () => {
  const file = await example("deno/classify.ts");
  const flags = ["run", "--unstable-webgpu", "--allow-all", "--no-check", "--cached-only", "--node-modules-dir=manual"];
  const { status, stdout, stderr } = run(tool("deno"), [...flags, file, photo, LABELS, model], folder);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^ *\d+\.\d % {2}cat\n/);
});

it("examples/browser says what is in a photo, without a bundler", async () => {
  await using server = await serveFolder(join(ROOT, "examples/browser"), {
    node_modules: join(folder, "node_modules"),
    tiny: model,
  });
  const browser = await startChromium();
  onTestFinished(() => browser.close());
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(String(error)));
  await tab.goto(`${server.url}?model=./tiny`, { waitUntil: "load" });
  await tab.waitForFunction(() => document.querySelector("pre")?.textContent === "choose a photo");
  const input = await tab.$("input[type=file]");
  await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(photo);
  await tab.waitForFunction(() => document.querySelector("pre")?.textContent?.includes("%"), { timeout: 120_000 });
  expect(await tab.$eval("pre", (element) => element.textContent)).toMatch(/^\d+\.\d % {2}cat\n/);
  expect(errors).toEqual([]);
});
