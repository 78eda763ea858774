// `npm run demo`: builds the demo site, serves it at localhost, and builds it again when a file of it changes.
// `npm run demo:build` (--build) leaves out/demo for a host of static files; it needs no headers of its own.
import { createReadStream, existsSync, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, relative } from "node:path";
import { ROOT } from "./bundle.mjs";
import { buildDemo } from "./demoBuild.mjs";

const out = join(ROOT, "out", "demo");
const port = Number(process.env.PORT ?? 8787);

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".jpg": "image/jpeg",
  ".png": "image/png",
};

async function answer(request, response) {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const path = join(out, decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
  const isInside = !relative(out, path).startsWith("..");
  const stats = isInside ? await stat(path).catch(() => undefined) : undefined;
  if (!stats?.isFile()) return void response.writeHead(404).end("not found\n");
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  response.setHeader("content-length", stats.size);
  response.setHeader("cache-control", "no-cache");
  createReadStream(path).pipe(response);
}

async function rebuild() {
  const start = performance.now();
  await buildDemo(out);
  console.log(`built ${relative(ROOT, out)} in ${Math.round(performance.now() - start)} ms`);
}

await rebuild();
if (!process.argv.includes("--build")) {
  createServer((request, response) => void answer(request, response)).listen(port, "localhost", () => {
    console.log(`http://localhost:${port}/ (Ctrl+C ends it)`);
  });
  let waiting;
  for (const folder of ["demos/site", "src", "shaders"].filter((name) => existsSync(join(ROOT, name)))) {
    watch(join(ROOT, folder), { recursive: true }, () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => rebuild().catch((error) => console.error(error.message)), 200);
    });
  }
}
