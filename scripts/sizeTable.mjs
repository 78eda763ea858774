// `npm run size`, after a build: what each page downloads before its first call, beside what was recorded last and the
// limit in package.json. `npm run size -- --write` records the sizes as they are now.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./bundle.mjs";
import { measurePages } from "./sizes.mjs";

const RECORD = join(ROOT, "bench", "sizes.json");
const UNITS = { B: 1, KiB: 1024 };

/** Gzipped bytes that a page may have, where size-limit is told of it. */
function limitOf(page, limits) {
  const entry = limits.find(({ path }) => path.includes(`/${page}/`));
  const [amount, unit] = entry?.limit.split(" ") ?? [];
  return entry && Number(amount) * UNITS[unit];
}

const { "size-limit": limits } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
const recorded = JSON.parse(await readFile(RECORD, "utf8").catch(() => "{}"));
const sizes = Object.fromEntries((await measurePages()).map(({ page, first }) => [page, first]));
const rows = Object.entries(sizes).map(([page, gzip]) => {
  const before = recorded[page];
  const change = before === undefined ? "new" : `${gzip > before ? "+" : ""}${gzip - before}`;
  return { page, "bytes, gzip": gzip, recorded: before, change, limit: limitOf(page, limits) };
});
console.table(rows);
if (process.argv.includes("--write")) await writeFile(RECORD, `${JSON.stringify(sizes, undefined, 2)}\n`);
