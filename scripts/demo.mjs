// `npm run demo`: builds the demo site, serves it at localhost, and builds it again when a file of it changes. PORT
// says where; without it a port that is busy gives way to the next one.
// `npm run demo:build` (--build) leaves out/demo for a host of static files; it needs no headers of its own.
import { createReadStream, existsSync, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, relative } from "node:path";
import { ROOT } from "./bundle.mjs";
import { buildDemo } from "./demoBuild.mjs";

const out = join(ROOT, "out", "demo");
const FIRST_PORT = 8787;
const MOST_TRIES = 20;

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".jpg": "image/jpeg",
  ".png": "image/png",
};

/** The file that an address means; undefined for one outside of the site, and for what is no address. */
function pathOf(address) {
  try {
    const { pathname } = new URL(address, "http://localhost");
    const path = join(out, decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    return relative(out, path).startsWith("..") ? undefined : path;
  } catch {
    return undefined; // "/%ff" is no text, "//" no address
  }
}

async function answer(request, response) {
  const path = pathOf(request.url ?? "/");
  const stats = path && (await stat(path).catch(() => undefined));
  if (!stats?.isFile()) return void response.writeHead(404).end("not found\n");
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  response.setHeader("content-length", stats.size);
  response.setHeader("cache-control", "no-cache");
  createReadStream(path)
    .on("error", () => response.destroy())
    .pipe(response);
}

async function rebuild() {
  const start = performance.now();
  await buildDemo(out);
  console.log(`built ${relative(ROOT, out)} in ${Math.round(performance.now() - start)} ms`);
}

/** Listens on the port that PORT names, or on the first one from FIRST_PORT that nobody else has. */
function serve() {
  const { PORT } = process.env;
  let port = PORT ? Number(PORT) : FIRST_PORT;
  const lastPort = PORT ? port : FIRST_PORT + MOST_TRIES - 1;
  const server = createServer((request, response) => void answer(request, response));
  server.on("error", (error) => {
    if (error.code === "EADDRINUSE" && port < lastPort) return void server.listen(++port, "localhost");
    const reason = error.code === "EADDRINUSE" ? `port ${port} is busy` : error.message;
    console.error(`error: ${reason}: name another port, as in PORT=9000 npm run demo`);
    process.exit(1);
  });
  server.on("listening", () => console.log(`http://localhost:${port}/ (Ctrl+C ends it)`));
  if (Number.isInteger(port) && port >= 0 && port < 65536) server.listen(port, "localhost");
  else server.emit("error", new Error(`PORT=${PORT} is no port from 1 to 65535`));
}

await rebuild();
if (!process.argv.includes("--build")) {
  serve();
  let waiting;
  for (const folder of ["demos/site", "src", "shaders"].filter((name) => existsSync(join(ROOT, name)))) {
    watch(join(ROOT, folder), { recursive: true }, () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => rebuild().catch((error) => console.error(error.message)), 200);
    });
  }
}
