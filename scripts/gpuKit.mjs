// `node scripts/gpuKit.mjs [FILE]`: packs what scripts/gpu.mjs needs on a bare x86-64 Linux machine with a Vulkan
// driver into one file: Node's binary, Dawn, the bundles, checkpoints, what models are compared with, and ONNX Runtime
// where `npm run bench -- peers` has installed it. Weights of real size are made there. There, with tar and xz:
//   tar -xf gpu-kit.tar.xz && OUT=results gpu-kit/run.sh
// `--folder FOLDER` leaves all of it in a folder, unpacked.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { COMMON, ROOT } from "./bundle.mjs";

/** What is found at run time, or is not asked for: native packages. */
const OUTSIDE = [
  "webgpu",
  "sharp",
  "@lancedb/lancedb",
  "@napi-rs/canvas",
  "@imagemagick/magick-wasm",
  "puppeteer-core",
];
/** Modules that build or open pages, by what a kit has in their place. */
const WITHOUT_PAGES = {
  "sizes.mjs": "export const measurePages = async () => undefined;",
  "browser.ts": 'export const benchBrowser = () => { throw new Error("a kit runs no browser"); };',
};
const PEERS = ".cache/peers";
const MODELS = [
  ...["clip-vit-base-patch32", "clip-resnet50", "dino-vits16", "dino-vits8", "dino-resnet50", "dino-pixels"],
  ...["sam-vit-base", "mobile-sam", "sam2.1-hiera-tiny"],
];
/** Libraries that a bare machine may lack: used only where Node does not start, or Vulkan is not found, without. */
const LIBRARIES = ["libstdc++.so.6", "libgcc_s.so.1", "libvulkan.so.1"];

const RUN = `#!/bin/sh
# What scripts/gpu.mjs can learn of this machine's GPU, into the folder $OUT: 12 minutes at most.
here=$(cd "$(dirname "$0")" && pwd)
export OUT=\${OUT:-$PWD/gpu}
case $OUT in /*) ;; *) OUT=$PWD/$OUT ;; esac
cd "$here" || exit 1
if ! ./node --version >/dev/null 2>&1; then export LD_LIBRARY_PATH="$here/lib"; fi
if ! ldconfig -p 2>/dev/null | grep -q libvulkan.so.1; then
  mkdir -p vulkan && cp -f lib/libvulkan.so.1 vulkan/ &&
    export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/vulkan"
fi
exec ./node bundles/gpu.mjs "$@"
`;

const { values, positionals } = parseArgs({ options: { folder: { type: "string" } }, allowPositionals: true });
if (positionals.length > (values.folder ? 0 : 1)) {
  console.error("usage: node scripts/gpuKit.mjs [FILE] | --folder FOLDER");
  process.exit(2);
}
const kit = values.folder ? resolve(values.folder) : join(mkdtempSync(join(tmpdir(), "gpu-kit-")), "gpu-kit");

/** Copies a file or folder of the checkout to the same place of the kit. */
function take(path, filter = () => true) {
  mkdirSync(dirname(join(kit, path)), { recursive: true });
  cpSync(join(ROOT, path), join(kit, path), { recursive: true, dereference: true, filter });
}

/** An installed peer and the packages that it needs, each once. */
function neededBy(name, known = new Set()) {
  const path = join(ROOT, PEERS, "node_modules", name, "package.json");
  if (known.has(name) || !existsSync(path)) return known;
  known.add(name);
  for (const needed of Object.keys(JSON.parse(readFileSync(path, "utf8")).dependencies ?? {})) neededBy(needed, known);
  return known;
}

async function bundle(entry, name) {
  const outfile = join(kit, "bundles", `${name}.mjs`);
  // Packages in CommonJS ask for Node's modules by `require`.
  const banner =
    'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';
  const withoutPages = {
    name: "withoutPages",
    setup({ onLoad }) {
      onLoad({ filter: /(scripts.sizes\.mjs|bench.browser\.ts)$/ }, ({ path }) => ({
        contents: WITHOUT_PAGES[basename(path)],
      }));
    },
  };
  const options = { ...COMMON, platform: "node", external: OUTSIDE, plugins: [withoutPages], logLevel: "error" };
  await build({ ...options, banner: { js: banner }, entryPoints: [entry], outfile });
}

/** The path of a shared library of this machine, where it has it. */
function libraryPath(name) {
  const line = execFileSync("ldconfig", ["-p"], { encoding: "utf8" })
    .split("\n")
    .find((text) => text.trim().startsWith(name) && text.includes("x86-64"));
  return line?.split("=>")[1]?.trim();
}

async function fill() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`the kit takes Node and Dawn from an x86-64 Linux machine: this is ${process.platform}`);
  }
  mkdirSync(join(kit, "lib"), { recursive: true });
  cpSync(process.execPath, join(kit, "node"), { dereference: true });
  execFileSync("strip", [join(kit, "node")]);
  await bundle("src/cli/main.ts", "cli");
  await bundle("bench/run.ts", "bench");
  cpSync(join(ROOT, "scripts/gpu.mjs"), join(kit, "bundles/gpu.mjs"));
  take("package.json");
  take("node_modules/webgpu", (path) => !/dist\/(?!linux-x64)|\/build/.test(path));
  // Of SAM 2 the seeded checkpoint is enough: trained weights hardly pack.
  take("checkpoints", (path) => !/checkpoints\/(training|tiny-sam2)/.test(path));
  // Results of SAM are held against no file there.
  for (const model of MODELS) take(`test/golden/${model}`, (path) => !/sam[^/]*\/[^/]*safetensors$/.test(path));
  take("bench/peers");
  if (existsSync(join(ROOT, PEERS, "node_modules/onnxruntime-node"))) {
    take(`${PEERS}/package.json`);
    const others = /\/bin\/napi-v\d+\/(?!linux(\/x64|$))|\.map$/;
    for (const name of neededBy("onnxruntime-node")) {
      take(`${PEERS}/node_modules/${name}`, (path) => !others.test(path));
    }
  } else console.log("gpu-kit: ONNX Runtime is left out, as `npm run bench -- peers` has not installed it");
  for (const name of LIBRARIES) {
    const path = libraryPath(name);
    if (path) cpSync(path, join(kit, "lib", name), { dereference: true });
    else console.log(`gpu-kit: ${name} is left out, as this machine has none`);
  }
  writeFileSync(join(kit, "run.sh"), RUN);
  chmodSync(join(kit, "run.sh"), 0o755);
}

function pack(to = "out/gpu-kit.tar.xz") {
  const file = resolve(to);
  mkdirSync(dirname(file), { recursive: true });
  execFileSync("tar", ["-C", dirname(kit), "-I", "xz --x86 --lzma2=preset=9e,dict=128MiB", "-cf", file, "gpu-kit"]);
  console.log(`${to}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}

try {
  await fill();
  if (!values.folder) pack(positionals[0]);
} finally {
  if (!values.folder) rmSync(dirname(kit), { recursive: true });
}
