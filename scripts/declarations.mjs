// dist/types: the declarations of the public modules, so that TypeScript from 5.6 on reads them whatever libraries a
// project has.
import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "./bundle.mjs";

const folder = join(ROOT, "dist", "types");

/** The declarations that `exports` names, and which of them a project without the DOM can use. */
const NODE_ENTRIES = ["index.d.ts", "verification.d.ts", "video.d.ts", "search.d.ts"];
const ENTRIES = [...NODE_ENTRIES, "worker/index.d.ts"];

/** Empty interfaces for what a project may lack. */
const STAND_INS = "standIns.d.ts";

function emit() {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * tsc leaves the `.ts` of relative imports as it is; in a package they mean the `.js` beside the declaration. Arrays
 * are generic from TypeScript 5.7 on: what their `from` returns means the same there, and can be read before.
 */
function readable(text) {
  return text
    .replace(/((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"')
    .replace(/\b(\w+Array)<ArrayBuffer>/g, 'ReturnType<$1Constructor["from"]>');
}

async function change(name, edit) {
  const path = join(folder, name);
  await writeFile(path, edit(await readFile(path, "utf8")));
}

/** Names of types that a compiler does not find which knows Node, and neither the DOM nor WebGPU. */
function missingNames() {
  const program = ts.createProgram(
    NODE_ENTRIES.map((name) => join(folder, name)),
    {
      ...{ noEmit: true, skipLibCheck: false, types: ["node"], lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts"] },
      ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022 },
    },
  );
  const names = new Set();
  for (const { file, code, start, length, messageText } of ts.getPreEmitDiagnostics(program)) {
    if (!file?.fileName.startsWith(folder)) continue; // a package's own
    const isName = code === 2304 || code === 2552; // cannot find name (did you mean ...)
    if (!isName) throw new Error(`${file.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
    names.add(file.text.slice(start, start + length));
  }
  return [...names].sort();
}

/**
 * Declares what compilers do not find: WebGPU before TypeScript 6, the DOM in projects for Node. An empty interface
 * becomes one with the real one where there is one (lib.dom, @webgpu/types); a type alias cannot, so none is used.
 */
async function standIns() {
  const head = "// Projects that have lib.dom or @webgpu/types have these from there.\n";
  await writeFile(
    join(folder, STAND_INS),
    head +
      missingNames()
        .map((name) => `interface ${name} {}\n`)
        .join(""),
  );
}

const references = (depth) =>
  `/// <reference lib="esnext.disposable" />\n/// <reference path="${"../".repeat(depth) || "./"}${STAND_INS}" />\n`;

/** Writes dist/types. */
export async function writeDeclarations() {
  emit();
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".d.ts"));
  await Promise.all(names.map((name) => change(name, readable)));
  await standIns();
  for (const name of ENTRIES) await change(name, (text) => references(name.split("/").length - 1) + text);
}
