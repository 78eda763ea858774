// Builds the demo site into a folder of static files that any host can serve: pages, scripts, one stylesheet, the
// shipped checkpoints, the sample photographs, and files.json, which the service worker keeps for visits offline.
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { COMMON, matrixFunctions, ROOT, withoutNode } from "./bundle.mjs";
import { drawDemoClip } from "./demoClip.mjs";
import { drawDemoPictures } from "./demoPictures.mjs";
import { minifyWgsl, shaderNames } from "./minifyWgsl.mjs";

const SITE = join(ROOT, "demos", "site");
const PAGES = ["index", "search", "see", "cut", "follow", "verify"];
/** Files of a checkpoint that a page asks for. */
const MODEL_FILE = /\.(json|txt|safetensors)$/;

/** Browsers decode pictures by themselves: Node's decoders, which no page calls, are an empty module of withoutNode. */
const withoutDecoders = {
  name: "withoutDecoders",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/decode\.ts$/ }, ({ path }) => ({ path, namespace: "node" }));
  },
};

/** What all scripts of the site have in common; shaders are shortened as in the package. */
function options(plugins = []) {
  return {
    ...COMMON,
    platform: "browser",
    minify: true,
    sourcemap: false,
    plugins: [withoutDecoders, withoutNode, matrixFunctions, ...plugins],
  };
}

const shaderFolder = join(ROOT, "shaders");
const shaderFiles = (await readdir(shaderFolder, { recursive: true })).filter((name) => name.endsWith(".wgsl"));
const names = shaderNames(await Promise.all(shaderFiles.map((name) => readFile(join(shaderFolder, name), "utf8"))));

const shaders = {
  name: "shaders",
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => {
      return { contents: minifyWgsl(await readFile(path, "utf8"), names), loader: "text" };
    });
  },
};

async function scripts(out) {
  const entries = Object.fromEntries(PAGES.map((page) => [page, join(SITE, `${page}.ts`)]));
  entries["worker-thread"] = "src/worker/thread.ts"; // a module, which loads what few models need when one does
  const pages = {
    ...options([shaders]),
    entryPoints: entries,
    outdir: out,
    splitting: true,
    chunkNames: "[name]-[hash]",
  };
  await build(pages);
  // Whole files of their own: the first blocks the paint, the others are started by address.
  const alone = {
    theme: join(SITE, "theme.ts"),
    serviceWorker: join(SITE, "serviceWorker.ts"),
    "thumbnail-thread": join(SITE, "shell", "thumbnailThread.ts"),
    "verify-thread": join(SITE, "verify", "thread.ts"),
    "see-thread": join(SITE, "see", "thread.ts"),
  };
  await build({ ...options([shaders]), entryPoints: alone, outdir: out, format: "iife" });
  await build({
    ...options(),
    entryPoints: { style: join(SITE, "style", "style.css") },
    outdir: out,
    loader: { ".svg": "dataurl" },
  });
}

/** Puts a page's own part into the layout that all have. */
async function pages(out) {
  const layout = await readFile(join(SITE, "layout.html"), "utf8");
  for (const page of PAGES) {
    const main = await readFile(join(SITE, `${page}.html`), "utf8");
    const words = Object.fromEntries(
      [...main.matchAll(/<!-- (\w+): (.*?) -->\n/g)].map(([, key, text]) => [key, text]),
    );
    const fields = { ...words, page, main: main.replace(/<!-- \w+: .*? -->\n/g, "").trim() };
    const html = layout.replace(/\{\{(\w+)\}\}/g, (_, key) => fields[key] ?? "");
    await writeFile(join(out, `${page}.html`), html);
  }
}

/** The shipped checkpoints and the photographs. */
async function files(out) {
  for (const name of (await readdir(join(ROOT, "checkpoints"))).filter((model) => model.startsWith("tiny-"))) {
    await mkdir(join(out, "models", name), { recursive: true });
    for (const file of await readdir(join(ROOT, "checkpoints", name))) {
      if (MODEL_FILE.test(file)) await cp(join(ROOT, "checkpoints", name, file), join(out, "models", name, file));
    }
  }
  await cp(join(ROOT, "demos", "photos"), join(out, "photos"), {
    recursive: true,
    filter: (path) => !path.endsWith(".md"),
  });
  await mkdir(join(out, "pictures"), { recursive: true });
  await drawDemoPictures(join(out, "pictures"));
  await mkdir(join(out, "example"), { recursive: true });
  await drawDemoClip(join(out, "example"));
  await cp(join(SITE, "icon.svg"), join(out, "icon.svg"));
}

/** Builds the site into `out`, which is emptied first. */
export async function buildDemo(out) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await Promise.all([scripts(out), pages(out), files(out)]);
  const kept = (await readdir(out)).filter((name) => /\.(html|js|css|svg)$/.test(name) && name !== "serviceWorker.js");
  await writeFile(join(out, "files.json"), JSON.stringify(kept));
}
