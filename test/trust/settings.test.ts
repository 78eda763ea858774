// Settings that a stranger wrote: every value of every JSON file of the small checkpoints is replaced by each of those
// that readers trip over. A model is read, or refused by an error of ours that says so in few words; quickly.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { beforeAll, expect, it, vi } from "vitest";
import { VisionError } from "../../src/device/errors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { openTokenizer } from "../../src/io/tokenizer.ts";
import { allFamilies } from "../../src/models/families.ts";
import { checkAllRead } from "../../src/models/unread.ts";
import { recognizeModel } from "../../src/session/pretrained.ts";
import { makeSmallModels } from "../smallModels.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Written as JSON, since "__proto__" is a key like any other there. */
const HOSTILE = [
  '{"toString": null}',
  '{"valueOf": 1, "toString": 2}',
  '{"__proto__": null}',
  '{"length": 1e9}',
  '"hasOwnProperty"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '""',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '[{"toString": null}]',
  "null",
  "true",
  "-1",
  "0",
  "0.5",
  "1e999",
  "-0",
  "9007199254740993",
  `"${"x".repeat(100_000)}"`,
].map((text) => JSON.parse(text) as Json);

/** Paths to the values of a file; of long lists and vocabularies the first ones. */
function* pathsOf(value: Json, path: readonly string[] = []): Generator<readonly string[]> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  const keys = Object.keys(value);
  for (const key of keys.slice(0, keys.length > 200 ? 2 : 60)) {
    yield* pathsOf((value as Record<string, Json>)[key] as Json, [...path, key]);
  }
}

/** A copy of a file with another value at a path. */
function withValue(file: Json, [key, ...rest]: readonly string[], value: Json): Json {
  if (key === undefined) return value;
  const copy = (Array.isArray(file) ? [...file] : { ...(file as object) }) as Record<string, Json>;
  Object.defineProperty(copy, key, {
    value: withValue(copy[key] as Json, rest, value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return copy as unknown as Json;
}

const FOLDERS = ["checkpoints/tiny-", "test/golden/small-"].flatMap((start) => {
  const [folder, prefix] = [dirname(start), basename(start)];
  return readdirSync(folder).flatMap((name) => (name.startsWith(prefix) ? [join(folder, name)] : []));
});
beforeAll(() => makeSmallModels());
/** Longest that a file took. */
let longestMs = 0;
/** Of all mutations, those that are tried: one of so many. The number shares no factor with that of the values. */
const STRIDE = process.env.TRUST === "all" ? 1 : 16;

/** Mutations of a file: a value in the place of another. */
function* mutations(file: Json): Generator<{ readonly mutated: Json; readonly what: string }> {
  let count = 0;
  for (const path of pathsOf(file)) {
    for (const value of HOSTILE) {
      if (count++ % STRIDE) continue;
      const what = `${path.join(".")} = ${JSON.stringify(value).slice(0, 60)}`;
      yield { mutated: withValue(file, path, value), what };
    }
  }
}

/** Reads a model from files, and throws what is no error of ours. */
async function read(files: readonly File[]): Promise<"read" | "refused"> {
  const began = performance.now();
  try {
    const { checkpoint, family, model } = await recognizeModel(allFamilies(), files, {});
    await checkAllRead(checkpoint, family, model);
    model.firstParts("f32");
    await checkpoint.close();
    return "read";
  } catch (error) {
    if (!(error instanceof VisionError)) throw error;
    if (error.message.length > 4001) throw new Error(`a message of ${error.message.length} characters`);
    return "refused";
  } finally {
    longestMs = Math.max(longestMs, performance.now() - began);
  }
}

it.each(FOLDERS)("%s", { timeout: 600_000 }, async (folder) => {
  const names = readdirSync(folder).filter(
    (name) => /\.(json|safetensors)$/.test(name) && !/^(expected|manifest|card)\.json$/.test(name),
  );
  const files = new Map(names.map((name) => [name, new File([readFileSync(`${folder}/${name}`)], name)]));
  const counts = { read: 0, refused: 0 };
  const faults: string[] = [];
  longestMs = 0;
  expect(await read([...files.values()])).toBe("read");
  for (const name of names.filter((some) => /config\.json$/.test(some) && some !== "tokenizer_config.json")) {
    const json = JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) as Json;
    for (const { mutated, what } of mutations(json)) {
      const changed = new Map(files).set(name, new File([JSON.stringify(mutated)], name));
      try {
        counts[await read([...changed.values()])]++;
      } catch (error) {
        const where = (error as Error).stack?.split("\n").find((line) => line.includes("/src/"));
        faults.push(`${name}: ${what}: ${error} ${where?.trim()}`);
      }
    }
  }
  expect(faults).toEqual([]);
  console.log(
    `settings of ${folder}: ${counts.read} read, ${counts.refused} refused, ${longestMs.toFixed(0)} ms at most`,
  );
  expect(counts.refused).toBeGreaterThan(0);
});

it("tokenizers", { timeout: 600_000 }, async () => {
  const folder = "checkpoints/tiny-clip";
  const stored = JSON.parse(readFileSync(`${folder}/tokenizer.json`, "utf8")) as Json;
  const config = JSON.parse(readFileSync(`${folder}/tokenizer_config.json`, "utf8")) as Json;
  const counts = { read: 0, refused: 0 };
  longestMs = 0;
  const encode = async (tokenizer: Json, settings: Json) => {
    const file = (value: Json, name: string) => new File([JSON.stringify(value)], name);
    const files = [file(tokenizer, "tokenizer.json"), file(settings, "tokenizer_config.json")];
    const began = performance.now();
    try {
      const opened = await openTokenizer(await openSource(files));
      opened?.encode(["a photo of a cat, 2 dogs"]);
      counts.read++;
    } catch (error) {
      if (!(error instanceof VisionError)) throw error;
      counts.refused++;
    }
    longestMs = Math.max(longestMs, performance.now() - began);
  };
  vi.spyOn(console, "warn").mockImplementation(() => undefined); // the library's words on what it passes over
  for (const { mutated } of mutations(stored)) await encode(mutated, config);
  for (const { mutated } of mutations(config)) await encode(stored, mutated);
  console.log(`tokenizers: ${counts.read} read, ${counts.refused} refused, ${longestMs.toFixed(0)} ms at most`);
  expect(counts.refused).toBeGreaterThan(0);
});
