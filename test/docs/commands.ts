// What the commands of the documentation are: those of webgpu-vision are run, those of npm, node and deno that install
// or start something large are only looked up.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, read } from "./blocks.ts";

export interface Verdict {
  /** Run it, in a shell where `npx webgpu-vision` is the command line of this repository. */
  readonly run?: boolean;
  /** What was looked up instead. */
  readonly looked?: string;
  readonly fault?: string;
}

const { scripts, ...manifest } = JSON.parse(read("package.json"));
const PACKAGES = ["webgpu-vision", ...Object.keys({ ...manifest.peerDependencies, ...manifest.devDependencies })];

/** Judges a line of commands joined by &&. */
export function judge(line: string): Verdict {
  const verdicts = line.split("&&").map((part) => judgeOne(part.trim()));
  const fault = verdicts.find((verdict) => verdict.fault)?.fault;
  if (fault) return { fault };
  if (verdicts.every(({ run }) => run)) return { run: true };
  return { looked: verdicts.map(({ looked, run }) => looked ?? (run ? "a command of ours" : "")).join(", ") };
}

function judgeOne(text: string): Verdict {
  const [program = "", ...args] = text.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word));
  if (program === "npx" && args[1] === "serve") return { looked: "a server does not end" };
  if (program === "webgpu-vision" || (program === "npx" && args[0] === "webgpu-vision")) return { run: true };
  if (program === "npm") return judgeNpm(args);
  if (program === ".ci/run") return found(program);
  const file = args.find((arg) => /\.(mjs|ts)$/.test(arg));
  if (program === "node" && file) return found(file);
  if (program === "deno" && args[0] === "run" && args.includes("--unstable-webgpu")) return { looked: "Deno's flags" };
  return { fault: `what is ${text}?` };
}

function judgeNpm([verb = "", ...rest]: readonly string[]): Verdict {
  if (verb === "ci" && existsSync(join(ROOT, "package-lock.json"))) return { looked: "package-lock.json is there" };
  if (verb === "install") {
    const unknown = rest.filter((name) => !PACKAGES.includes(name));
    return unknown.length > 0 ? { fault: `no package of ours: ${unknown}` } : { looked: "packages are known" };
  }
  const name = verb === "run" ? rest[0] : verb;
  return name && name in scripts ? { looked: `script ${name} is there` } : { fault: `there is no script ${name}` };
}

function found(path: string): Verdict {
  return existsSync(join(ROOT, path)) ? { looked: `${path} is there` } : { fault: `there is no ${path}` };
}
