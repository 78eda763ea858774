// The declarations as compilers read them: versions of TypeScript, resolutions, the DOM's library and Node's types.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { complaint } from "../package/ran.ts";
import type { Row } from "./installs.test.ts";
import { Project } from "./project.ts";

const USER = `
  import { Clip, type Device, openDevice, Sam, VisionError } from "webgpu-vision";
  import { verifyKernels } from "webgpu-vision/verify";
  export const device: Promise<Device> = openDevice({ powerPreference: "low-power" });
  export const sam = Sam.fromPretrained("facebook/sam-vit-base");
  export const isOurs = (error: unknown): boolean => error instanceof VisionError;
  export const verified = verifyKernels;
  export async function shapeOf(path: string): Promise<readonly number[]> {
    const clip = await Clip.fromPretrained("openai/clip-vit-base-patch32");
    const { shape } = await clip.encodeImage(path);
    clip.dispose();
    return shape;
  }
  // @ts-expect-error: no such option
  openDevice({ colour: "red" });`;

const IN_PAGES = `
  import { Clip, startWorker } from "webgpu-vision/worker";
  export const clip = startWorker().then(() => Clip.fromPretrained("openai/clip-vit-base-patch32"));`;

/** The module and the resolution; TypeScript 6 wants to hear that node10 is known to be old. */
const RESOLUTIONS = { nodenext: "nodenext", bundler: "esnext", node10: "commonjs" } as const;

/** What a project has: with the DOM it may use the worker too. */
const LIBRARIES = {
  dom: ["--lib", "es2022,dom,dom.iterable", "user.ts", "page.ts"],
  "dom, Node's types": ["--lib", "es2022,dom,dom.iterable", "--types", "node", "user.ts", "page.ts"],
  "Node's types": ["--lib", "es2023", "--types", "node", "user.ts"],
} as const;

async function check(tarball: string, version: string): Promise<string> {
  const packages = [`typescript@${version}`, "@types/node@20"];
  await using project = await Project.make(tarball, packages, { "user.ts": USER, "page.ts": IN_PAGES });
  const faults: string[] = [];
  let count = 0;
  for (const [library, libraryFlags] of Object.entries(LIBRARIES).reverse()) {
    // Compilers before TypeScript 6 take Node's types by themselves where they are installed.
    if (library === "dom") await rm(join(project.folder, "node_modules/@types"), { recursive: true });
    for (const [resolution, module] of Object.entries(RESOLUTIONS)) {
      const old = version === "6" && resolution === "node10" ? ["--ignoreDeprecations", "6.0"] : [];
      const flags = [
        "--noEmit",
        "--strict",
        "--target",
        "es2022",
        "--module",
        module,
        "--moduleResolution",
        resolution,
      ];
      for (const skip of ["false", "true"]) {
        const ran = await project.run("tsc", [...flags, ...old, "--skipLibCheck", skip, ...libraryFlags]);
        count++;
        if (ran.code !== 0) faults.push(`${resolution}, ${library}, skipLibCheck ${skip}: ${complaint(ran)}`);
      }
    }
  }
  return faults.length === 0 ? `${count} of ${count} pass` : `FAILS ${faults.length} of ${count}: ${faults.join("; ")}`;
}

export function typeScriptRows(tarball: string): Row[] {
  return ["5.6", "5.9", "6"].map((version) => ({
    name: `TypeScript ${version}`,
    what: () => check(tarball, version),
  }));
}
