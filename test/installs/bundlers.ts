// Pages and servers that bundlers make of the package: each is built as its documentation says, and run.
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "puppeteer-core";
import { complaint } from "../package/ran.ts";
import { serveFolder } from "../package/serveFolder.ts";
import type { Row } from "./installs.test.ts";
import { Project } from "./project.ts";

/** Classifies a photo in the page, in the worker that the bundler made a file of, or in one that the page starts. */
const PAGE = `
  import { Clip } from "webgpu-vision";
  import { Clip as ClipInWorker, startWorker, stopWorker } from "webgpu-vision/worker";
  globalThis.run = async (where) => {
    if (where === "own worker") {
      stopWorker();
      await startWorker(() => new Worker(new URL("/worker-thread.js", location.href), { type: "module" }));
    }
    const Class = where === "page" ? Clip : ClipInWorker;
    const clip = await Class.fromPretrained(new URL("/checkpoints/tiny-clip", location.href));
    const [best] = await clip.classify("/photos/chelsea.png", ["ship", "cat", "truck"]);
    await clip.dispose();
    return best.label;
  };`;

/** Classifies a photo on a server; says what is missing where the optional packages are not installed. */
const SERVER = `
  import { Clip } from "webgpu-vision";
  const clip = await Clip.fromPretrained("public/checkpoints/tiny-clip");
  const [best] = await clip.classify("public/photos/chelsea.png", ["ship", "cat", "truck"]);
  console.log("says " + best.label);
  clip.dispose();`;

const head = '<!doctype html><link rel="icon" href="data:,">';
const html = (script: string, type = "module") => `${head}<script type="${type}" src="${script}" defer></script>`;

type Where = "page" | "worker" | "own worker";

/** Where a bundler loses the worker's script, the error must say how to go on. */
function complaintOf(where: Where, message: string): string {
  const isHelp = ["startWorker", "optimizeDeps"].every((word) => message.includes(word));
  if (where === "worker" && isHelp) return "the worker's error names startWorker and optimizeDeps";
  return `${where} FAILS: ${message.split("\n")[0]?.slice(0, 120)}`;
}

/** What a page says in each place. */
async function visit(browser: Browser, url: string, places: readonly Where[]): Promise<string> {
  const said: string[] = [];
  for (const where of places) {
    const tab = await browser.newPage();
    await tab.goto(url, { waitUntil: "load" });
    await tab.waitForFunction(() => "run" in globalThis, { timeout: 60_000 });
    const run = (place: string) => (globalThis as unknown as { run(place: string): Promise<string> }).run(place);
    const answer = await tab.evaluate(run, where).catch((error: Error) => error.message);
    said.push(answer === "cat" ? `${where} runs` : complaintOf(where, answer));
    await tab.close();
  }
  return said.join(", ");
}

interface Bundler {
  readonly packages: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly out: string;
  /** The page that goes beside the script, where the bundler makes none. */
  readonly page?: string;
  readonly places: readonly Where[];
}

const both = ["page", "worker"] as const;
const withOwnWorker = ["page", "own worker"] as const;
const vite = (version: number): Bundler => ({
  ...{ packages: [`vite@${version}`], command: ["vite", "build"], out: "dist", places: both },
});

const ROLLUP = `
  import resolve from "@rollup/plugin-node-resolve";
  export default { input: "page.js", output: { dir: "dist" }, plugins: [resolve({ browser: true })] };`;

const FOR_PAGES: Readonly<Record<string, Bundler>> = {
  ...Object.fromEntries([5, 6, 7, 8].map((version) => [`Vite ${version}, build`, vite(version)])),
  "webpack 5": {
    packages: ["webpack@5", "webpack-cli"],
    command: ["webpack", "--mode", "production", "--entry", "./page.js", "-o", "dist"],
    ...{ out: "dist", page: html("/main.js", "text/javascript"), places: both },
  },
  Rspack: {
    packages: ["@rspack/core", "@rspack/cli"],
    command: ["rspack", "build", "--mode", "production", "--entry", "./page.js", "-o", "dist"],
    ...{ out: "dist", page: html("/main.js", "text/javascript"), places: both },
  },
  Parcel: { packages: ["parcel"], command: ["parcel", "build", "index.html", "--no-cache"], out: "dist", places: both },
  Rollup: {
    packages: ["rollup", "@rollup/plugin-node-resolve"],
    files: { "rollup.config.js": ROLLUP },
    ...{ command: ["rollup", "-c"], out: "dist", page: html("/page.js"), places: withOwnWorker },
  },
  esbuild: {
    packages: ["esbuild"],
    command: ["esbuild", "page.js", "--bundle", "--minify", "--format=esm", "--outdir=dist"],
    ...{ out: "dist", page: html("/page.js"), places: withOwnWorker },
  },
};

async function buildPage(tarball: string, browser: Browser, bundler: Bundler): Promise<string> {
  const files = { "page.js": PAGE, "index.html": html("./page.js"), ...bundler.files };
  await using project = await Project.make(tarball, bundler.packages, files);
  const [program = "", ...args] = bundler.command;
  const built = await project.run(program, args);
  if (built.code !== 0) return `FAILS: ${complaint(built)}`;
  if (bundler.page) await project.write({ [join(bundler.out, "index.html")]: bundler.page });
  await project.addModel(bundler.out);
  const thread = "node_modules/webgpu-vision/dist/browser/src/worker/worker-thread.js";
  if (bundler.places.includes("own worker")) {
    await cp(join(project.folder, thread), join(project.folder, bundler.out, "worker-thread.js"));
  }
  await using server = await serveFolder(join(project.folder, bundler.out));
  return await visit(browser, server.url, bundler.places); // awaited: the server stops when this function ends
}

interface ViteServer {
  readonly resolvedUrls: { readonly local: readonly string[] };
  listen(): Promise<unknown>;
  close(): Promise<void>;
}

/** `vite dev`, as it comes, or with the package left as it is. */
async function serveByVite(tarball: string, browser: Browser, version: number, exclude: boolean): Promise<string> {
  const files = { "page.js": PAGE, "index.html": html("./page.js") };
  await using project = await Project.make(tarball, [`vite@${version}`], files);
  await project.addModel("public");
  const { createServer } = await import(
    pathToFileURL(join(project.folder, "node_modules/vite/dist/node/index.js")).href
  );
  const options = {
    root: project.folder,
    configFile: false,
    logLevel: "silent",
    server: { port: 0, host: "127.0.0.1" },
  };
  const optimizeDeps = exclude ? { exclude: ["webgpu-vision"] } : {};
  const server: ViteServer = await createServer({ ...options, optimizeDeps });
  try {
    await server.listen();
    return await visit(browser, server.resolvedUrls.local[0] ?? "", both);
  } finally {
    await server.close();
  }
}

interface ServerBundler {
  readonly packages: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly script: string;
}

const ROLLUP_SERVER = `
  import resolve from "@rollup/plugin-node-resolve";
  export default { input: "server.mjs", output: { dir: "out" }, plugins: [resolve()], external: [/^node:/] };`;

const RSPACK = `
  const output = { path: new URL("out", import.meta.url).pathname };
  export default { mode: "production", target: "node", entry: "./server.mjs", output };`;
const node = ["--mode", "production", "--target", "node", "--entry", "./server.mjs", "-o", "out"];
const FOR_SERVERS: Readonly<Record<string, ServerBundler>> = {
  "webpack 5, target node": {
    ...{ packages: ["webpack@5", "webpack-cli"], command: ["webpack", ...node], script: "out/main.js" },
  },
  "Rspack, target node": {
    packages: ["@rspack/core", "@rspack/cli"],
    files: { "rspack.config.mjs": RSPACK },
    ...{ command: ["rspack", "build"], script: "out/main.js" },
  },
  "esbuild, platform node": {
    packages: ["esbuild"],
    command: ["esbuild", "server.mjs", "--bundle", "--platform=node", "--format=esm", "--outfile=out/main.mjs"],
    script: "out/main.mjs",
  },
  "Rollup, for Node": {
    packages: ["rollup", "@rollup/plugin-node-resolve"],
    files: { "rollup.config.js": ROLLUP_SERVER },
    ...{ command: ["rollup", "-c"], script: "out/server.js" },
  },
};

/** Builds and runs it without the optional packages, then with them. */
async function buildServer(tarball: string, bundler: ServerBundler): Promise<string> {
  const files = { "server.mjs": SERVER, ...bundler.files };
  await using project = await Project.make(tarball, bundler.packages, files, {});
  await project.addModel("public");
  const [program = "", ...args] = bundler.command;
  const said: string[] = [];
  for (const packages of [[], ["webgpu", "sharp"]]) {
    if (packages.length > 0) await project.install(...packages);
    const title = packages.join(" and ") || "neither";
    const built = await project.run(program, args);
    if (built.code !== 0) {
      said.push(`with ${title} FAILS: ${complaint(built)}`);
      continue;
    }
    const ran = await project.run("node", [bundler.script]);
    const isRight = ran.output.includes(packages.length > 0 ? "says cat" : "npm install webgpu");
    said.push(isRight ? `with ${title} runs` : `with ${title} FAILS: ${complaint(ran)}`);
  }
  return said.join(", ");
}

const NEXT = {
  "app/layout.js": "export default function Layout({ children }) { return <html><body>{children}</body></html>; }",
  "app/page.js": `"use client";
    import { useEffect } from "react";${PAGE.replace("globalThis.run =", "const run =")}
    export default function Page() {
      useEffect(() => { globalThis.run = run; }, []);
      return <p>a page</p>;
    }`,
};

/** Next.js renders the page on its server too: that import must not fail. */
async function buildByNext(tarball: string, browser: Browser, flags: readonly string[]): Promise<string> {
  await using project = await Project.make(tarball, ["next@16", "react", "react-dom"], NEXT, {});
  await project.addModel("public");
  const said: string[] = [];
  for (const packages of [[], ["webgpu", "sharp"]]) {
    if (packages.length > 0) await project.install(...packages);
    const title = `with ${packages.join(" and ") || "neither"}`;
    const built = await project.run("next", ["build", ...flags]);
    said.push(built.code === 0 ? `${title} builds` : `${title} FAILS: ${complaint(built)}`);
  }
  if (said.join().includes("FAILS")) return said.join(", ");
  await using server = await project.serve("next", ["start", "-H", "127.0.0.1", "-p", "0"]);
  said.push(await visit(browser, server.url, both));
  return said.join(", ");
}

/** Every row of the table of bundlers; `browser` is started when a row needs it. */
export function bundlerRows(tarball: string, browser: () => Promise<Browser>): Row[] {
  const pages = Object.entries(FOR_PAGES).map(([name, bundler]) => ({
    name,
    what: async () => buildPage(tarball, await browser(), bundler),
  }));
  const devs = [5, 6, 7, 8].flatMap((version) =>
    [false, true].map((exclude) => ({
      name: `Vite ${version}, dev${exclude ? ", optimizeDeps.exclude" : ""}`,
      what: async () => serveByVite(tarball, await browser(), version, exclude),
    })),
  );
  const servers = Object.entries(FOR_SERVERS).map(([name, bundler]) => ({
    name,
    what: () => buildServer(tarball, bundler),
  }));
  const next = [["--turbopack"], ["--webpack"]].map((flags) => ({
    name: `Next.js 16 ${flags}`,
    what: async () => buildByNext(tarball, await browser(), flags),
  }));
  return [...next, ...servers, ...pages, ...devs];
}
