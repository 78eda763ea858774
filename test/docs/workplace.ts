// The folder in which the documentation's programs and commands run: photos under the names that pages use, a Hub
// cache that has the shipped checkpoints under the names of the real ones, and commands for the shell.
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import sharp from "sharp";
import { bundleForNode, COMMON, withoutNode } from "../../scripts/bundle.mjs";
import { type Program, ROOT } from "./blocks.ts";
import { ENTRIES } from "./typeCheck.ts";

/** Pages' pictures by the photo that stands for them. */
const PHOTOS: Readonly<Record<string, string>> = {
  "photo.jpg": "truck.jpg",
  "a.jpg": "astronaut.png",
  "b.jpg": "drawn-cat.jpg",
  "cat.jpg": "chelsea.png",
  "dog.jpg": "dog.jpg",
  "truck.jpg": "truck.jpg",
  "frames/1.jpg": "astronaut.png",
  "frames/2.jpg": "astronaut.png",
  "photos/cat.jpg": "chelsea.png",
  "photos/ship.jpg": "drawn-ship.jpg",
  "photos/truck.jpg": "drawn-truck.jpg",
};

/**
 * Pixels a row of a photo: few, as the masks of all that is in a large one take many seconds. photo.jpg is that in
 * which pages point at things.
 */
const widthOf = (name: string) => (name === "photo.jpg" ? 1000 : 320);

/** Checkpoints that ship, by the names of those on the Hub that pages load. */
export const MODELS: Readonly<Record<string, string>> = {
  "openai/clip-vit-base-patch32": "tiny-clip",
  "facebook/dino-vits16": "tiny-dino",
  "facebook/dinov2-small": "tiny-dino",
  "facebook/sam-vit-base": "tiny-sam",
  "facebook/sam2.1-hiera-tiny": "../test/golden/small-sam2-video", // none ships
};

const COMMIT = "0".repeat(40);

/** Where Mesa's drivers keep what they compiled, when no variable says otherwise. */
const MESA_CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");

export class Workplace {
  readonly folder: string;
  /** Variables for programs: no network is needed, nor allowed. */
  readonly variables: Readonly<Record<string, string>>;

  private constructor(folder: string) {
    this.folder = folder;
    this.variables = {
      HF_HUB_CACHE: join(folder, ".hub"),
      HF_HUB_OFFLINE: "1",
      PATH: `${join(folder, ".bin")}:${process.env.PATH}`,
      XDG_CACHE_HOME: join(folder, ".cache"),
      MESA_SHADER_CACHE_DIR: process.env.MESA_SHADER_CACHE_DIR ?? MESA_CACHE, // shaders compiled before stay compiled
    };
  }

  static async make(): Promise<Workplace> {
    const place = new Workplace(await mkdtemp(join(tmpdir(), "docs-")));
    for (const folder of ["photos", "frames"]) await mkdir(join(place.folder, folder));
    for (const [name, photo] of Object.entries(PHOTOS)) {
      await sharp(join(ROOT, "demos/photos", photo))
        .resize(widthOf(name))
        .toFile(join(place.folder, name));
    }
    await cp(join(ROOT, "checkpoints/tiny-clip"), join(place.folder, "models/clip"), { recursive: true });
    for (const [id, name] of Object.entries(MODELS)) await place.#keep(id, name);
    await place.#addCommands();
    return place;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Lays a checkpoint out as Python's Hub cache does. */
  async #keep(id: string, name: string): Promise<void> {
    const folder = join(this.folder, ".hub", `models--${id.replace("/", "--")}`);
    await mkdir(join(folder, "refs"), { recursive: true });
    await mkdir(join(folder, "snapshots"));
    await writeFile(join(folder, "refs/main"), COMMIT);
    await symlink(join(ROOT, "checkpoints", name), join(folder, "snapshots", COMMIT), "dir");
  }

  /** `npx webgpu-vision` and `webgpu-vision` are the command line of this repository. */
  async #addCommands(): Promise<void> {
    const program = `exec "${process.execPath}" "${await bundleForNode("src/cli/main.ts")}" "$@"\n`;
    await mkdir(join(this.folder, ".bin"));
    for (const [name, shift] of [
      ["webgpu-vision", ""],
      ["npx", '[ "$1" = webgpu-vision ] || exit 127\nshift\n'],
    ] as const) {
      await writeFile(join(this.folder, ".bin", name), `#!/bin/sh\n${shift}${program}`);
      await chmod(join(this.folder, ".bin", name), 0o755);
    }
  }
}

const ALIAS = Object.fromEntries(Object.entries(ENTRIES).map(([entry, file]) => [entry, join(ROOT, file)]));

/** Bundles a program for a browser and gives the script, which sets `isDone` when it has come to its end. */
export async function bundleForPage({ name, code }: Program): Promise<string> {
  const { outputFiles } = await build({
    ...COMMON,
    stdin: { contents: `${code}\nglobalThis.isDone = true;`, resolveDir: ROOT, sourcefile: name, loader: "ts" },
    alias: ALIAS,
    platform: "browser",
    plugins: [withoutNode],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/**
 * Bundles a program for Node, where `webgpu-vision` is this repository's source, and gives the path of the result. The
 * source map names lines of the page.
 */
export async function bundleProgram({ name, code }: Program, index: number): Promise<string> {
  const path = join(ROOT, ".cache", `docs-${index}.mjs`);
  await build({
    ...COMMON,
    stdin: { contents: code, resolveDir: ROOT, sourcefile: name, loader: "ts" },
    alias: ALIAS,
    platform: "node",
    packages: "external",
    sourcemap: "inline",
    outfile: path,
  });
  return path;
}
