// The licences of the packages whose code is in a bundle, as those licences ask.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./bundle.mjs";

/** Names of the packages that esbuild put into bundles, by its metafiles. */
function packagesIn(metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  // Those of wgpu-matrix are "functions:wgpu-matrix/..." (bundle.mjs).
  const folder = /(?:node_modules\/|^functions:)((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/;
  const names = inputs.map((path) => folder.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

async function notice(name) {
  const folder = join(ROOT, "node_modules", name);
  const { version, license, homepage = "" } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} is bundled and has no licence file: its terms must be in the package`);
  const text = await readFile(join(folder, file), "utf8");
  return `${`${name} ${version} (${license}) ${homepage}`.trim()}\n\n${text.trim()}\n`;
}

/** One text for all of them. */
export async function noticesOf(metafiles) {
  const head = "Code of these packages is in webgpu-vision.min.js and in the script of the worker.\n";
  const notices = await Promise.all(packagesIn(metafiles).map(notice));
  return [head, ...notices].join(`\n${"-".repeat(80)}\n\n`);
}
