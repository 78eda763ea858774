// Every program of the README and the guides in each runtime, with the package as it is installed. Types are taken off
// and nothing else is changed: a runtime that does not know a program's syntax fails.
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";
import { PAGES, programsOf } from "../docs/blocks.ts";
import { Workplace } from "../docs/workplace.ts";
import { complaint } from "../package/ran.ts";
import type { Row } from "./installs.test.ts";
import { Project } from "./project.ts";

interface Runtime {
  readonly packages: readonly string[];
  readonly command: readonly string[];
}

const node = (version: string): Runtime => ({ packages: [`node@${version}`], command: ["node"] });

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  "Node 20.10": node("20.10"),
  "Node 20": node("20"),
  "Node 22": node("22"),
  "Node 24": node("24"),
  Deno: {
    packages: ["deno"],
    command: ["deno", "run", "--unstable-webgpu", "--allow-all", "--no-check", "--node-modules-dir=manual"],
  },
  Bun: { packages: ["bun"], command: ["bun"] },
};

/** Dawn's own switches, which Deno's wgpu does not have. */
const ONLY_DAWN = /toggles:/;

async function tryPrograms(tarball: string, name: string, { packages, command }: Runtime): Promise<string> {
  await using project = await Project.make(tarball, ["webgpu", "sharp", ...packages]);
  const place = await Workplace.make();
  try {
    await symlink(join(project.folder, "node_modules"), join(place.folder, "node_modules"), "dir");
    const programs = PAGES.flatMap(programsOf).filter(({ where }) => where === "node");
    const tried = programs.filter(({ code }) => name !== "Deno" || !ONLY_DAWN.test(code));
    const faults: string[] = [];
    for (const [i, { name: program, code }] of tried.entries()) {
      const script = join(place.folder, `program${i}.mjs`);
      await writeFile(script, (await transform(code, { loader: "ts", target: "esnext" })).code);
      const [first = "", ...rest] = command;
      const ran = await project.run(first, [...rest, script], { cwd: place.folder, env: place.variables });
      if (ran.code !== 0) faults.push(`${program} ${complaint(ran)}`);
    }
    const all = `${tried.length - faults.length} of ${tried.length} run`;
    return faults.length === 0 ? all : `FAILS: ${all}: ${faults.join("; ")}`;
  } finally {
    await place.remove();
  }
}

export function programRows(tarball: string): Row[] {
  return Object.entries(RUNTIMES).map(([name, runtime]) => ({
    name: `programs in ${name}`,
    what: () => tryPrograms(tarball, name, runtime),
  }));
}
