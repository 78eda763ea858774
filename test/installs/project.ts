// A stranger's project in a folder of its own: the packed package, and other packages from the registry.
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../package/install.ts";
import { type Ran, ran } from "../package/ran.ts";

/** No step takes longer than this, in milliseconds. */
const MOST_MS = 300_000;

/** How long a server may take until it answers. */
const MOST_START_MS = 60_000;

export class Project implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Packages are installed as a user does it; files are given by their paths. */
  static async make(
    tarball: string,
    packages: readonly string[],
    files: Readonly<Record<string, string>> = {},
    manifest: object = { type: "module" },
  ): Promise<Project> {
    const project = new Project(await mkdtemp(join(tmpdir(), "webgpu-vision-install-")));
    const named = { name: "stranger", version: "1.0.0", private: true, ...manifest };
    await project.write({ "package.json": JSON.stringify(named), ...files });
    await project.install(tarball, ...packages);
    return project;
  }

  async install(...packages: readonly string[]): Promise<void> {
    const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
    const { code, output } = await this.run("npm", ["install", ...flags, ...packages]);
    if (code !== 0) throw new Error(`npm install ${packages.join(" ")}: ${output.slice(-2000)}`);
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true });
      await writeFile(join(this.folder, path), text);
    }
  }

  /** The small CLIP and a photo, below a folder of the project's. */
  async addModel(under: string): Promise<void> {
    const model = join(this.folder, under, "checkpoints/tiny-clip");
    await cp(join(ROOT, "checkpoints/tiny-clip"), model, { recursive: true });
    await cp(join(ROOT, "demos/photos/chelsea.png"), join(this.folder, under, "photos/chelsea.png"));
  }

  /** Runs a program, in the project's folder or in another. */
  run(
    program: string,
    args: readonly string[],
    { cwd = this.folder, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
  ): Promise<Ran> {
    const path = `${join(this.folder, "node_modules/.bin")}:${process.env.PATH}`;
    return ran(program, args, {
      cwd,
      env: { ...process.env, ...env, NO_COLOR: "1", CI: "1", NEXT_TELEMETRY_DISABLED: "1", PATH: path },
      timeout: MOST_MS,
    });
  }

  /** Starts a server, and gives the address that it prints. */
  async serve(program: string, args: readonly string[]): Promise<AsyncDisposable & { readonly url: string }> {
    const child = spawn(join(this.folder, "node_modules/.bin", program), args, { cwd: this.folder, detached: true });
    const stop = async () => {
      if (child.pid && child.exitCode === null) process.kill(-child.pid); // and what it started
    };
    let output = "";
    const url = await new Promise<string>((resolve, reject) => {
      const listen = (text: Buffer) => {
        output += text;
        const [address] = /http:\/\/127\.0\.0\.1:\d+\/?/.exec(output) ?? [];
        if (address) resolve(address);
      };
      child.stdout.on("data", listen);
      child.stderr.on("data", listen);
      child.once("close", () => reject(new Error(`${program} ended: ${output}`)));
    });
    // Some say their address before they listen.
    const until = Date.now() + MOST_START_MS;
    while (!(await fetch(url).catch(() => undefined))) {
      if (child.exitCode !== null || Date.now() > until) {
        await stop();
        const end = child.exitCode === null ? "does not answer" : `ended with code ${child.exitCode}`;
        throw new Error(`${program} ${end}, at ${url}: ${output.slice(-1000).replaceAll("\n", " ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return { url, [Symbol.asyncDispose]: stop };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
