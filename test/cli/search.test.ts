// `search`: what is embedded again and what is not, with the small CLIP on copies of the demos' photos.
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { search } from "../../src/cli/commands/search.ts";
import type { GlobalOptions } from "../../src/cli/context.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { testDevice } from "../adapters.ts";

/** Keeps what is said. */
class Recorder extends Terminal {
  readonly results: string[] = [];
  readonly errors: string[] = [];

  override result(text: string): void {
    this.results.push(text);
  }

  override error(text: string): void {
    this.errors.push(text);
  }
}

let folder: string;
let cache: string;

const fromPretrained = Clip.fromPretrained.bind(Clip);

beforeEach(async () => {
  // Each search loads the model anew, but on a device that has compiled its pipelines.
  const device = await testDevice();
  vi.spyOn(Clip, "fromPretrained").mockImplementation((source, options) =>
    fromPretrained(source, { ...options, device }),
  );
  const root = await mkdtemp(join(tmpdir(), "webgpu-vision-search-"));
  folder = join(root, "photos");
  cache = join(root, "cache");
  await mkdir(join(folder, "deeper", ".hidden"), { recursive: true });
  await copyFile("demos/photos/drawn-ship.jpg", join(folder, "ship.jpg"));
  await copyFile("demos/photos/drawn-sunset.jpg", join(folder, "sunset.JPG"));
  await copyFile("demos/photos/drawn-cat.jpg", join(folder, "deeper", "cat.jpg"));
  await copyFile("demos/photos/drawn-cat.jpg", join(folder, "deeper", ".hidden", "cat.jpg"));
  await writeFile(join(folder, "notes.txt"), "no picture");
  vi.stubEnv("XDG_CACHE_HOME", cache);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(join(folder, ".."), { recursive: true });
});

interface Found {
  readonly pictures: number;
  readonly embedded: number;
  readonly cached: number;
  readonly leftOut: readonly string[];
  readonly results: readonly { readonly image: string; readonly score: number }[];
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

/** What the command line says when nothing is asked for. */
const DEFAULTS = { images: [], minus: [], imageWeight: 0.5, top: 10, page: 1, exact: false };

async function run(query = "a ship", options: Partial<GlobalOptions> = {}, signal = new AbortController().signal) {
  const terminal = new Recorder({ isQuiet: true });
  const context = { options: { dtype: "f32", json: true, ...options }, terminal, signal } as const;
  const code = await search({ folder, text: query, ...DEFAULTS }, context);
  return { code, errors: terminal.errors, found: JSON.parse(terminal.results.join("\n")) as Found };
}

function counts({ pictures, embedded, cached }: Found) {
  return { pictures, embedded, cached };
}

it("embeds each picture once; a changed or moved one again, and all of a folder whose cache is damaged", async () => {
  const first = await run();
  expect(counts(first.found)).toEqual({ pictures: 3, embedded: 3, cached: 0 });
  const paths = ["ship.jpg", "sunset.JPG", "deeper/cat.jpg"].map((name) => join(folder, name));
  expect(first.found.results.map(({ image }) => image).sort()).toEqual(paths.sort());
  const scores = first.found.results.map(({ score }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));

  const second = await run();
  expect(counts(second.found)).toEqual({ pictures: 3, embedded: 0, cached: 3 });
  expect(second.found.results).toEqual(first.found.results);

  await utimes(join(folder, "ship.jpg"), new Date(), new Date(2020, 1));
  await rename(join(folder, "deeper", "cat.jpg"), join(folder, "cat.jpg"));
  const third = await run("a cat");
  expect(counts(third.found)).toEqual({ pictures: 3, embedded: 2, cached: 1 });

  await rm(join(folder, "sunset.JPG"));
  const embeddings = join(cache, "webgpu-vision", "embeddings");
  for (const name of await readdir(embeddings)) await writeFile(join(embeddings, name), "nonsense");
  const { code, errors, found } = await run();
  expect({ code, errors }).toEqual({ code: 0, errors: [] });
  expect(counts(found)).toEqual({ pictures: 2, embedded: 2, cached: 0 });
});

it("warns of pictures that cannot be read and ranks the others", async () => {
  await writeFile(join(folder, "words.png"), "no picture");
  const { code, errors, found } = await run();
  expect(code).toBe(1);
  expect(counts(found)).toEqual({ pictures: 4, embedded: 3, cached: 0 });
  expect(found.results).toHaveLength(3);
  expect(found.errors).toEqual([{ path: join(folder, "words.png"), message: expect.stringMatching(/words\.png/) }]);
  expect(errors).toEqual([expect.stringMatching(/^warning: .*words\.png cannot be decoded/)]);
});

it("reads BMP, and says which pictures of other formats it left out", async () => {
  await copyFile("test/golden/pictureFormats/rgb.bmp", join(folder, "rgb.bmp"));
  await writeFile(join(folder, "deeper", "raw.CR2"), "");
  const { code, errors, found } = await run();
  expect(code).toBe(0);
  expect(counts(found)).toEqual({ pictures: 4, embedded: 4, cached: 0 });
  expect(found.leftOut).toEqual([join(folder, "deeper", "raw.CR2")]);
  expect(errors).toEqual([expect.stringMatching(/^warning: .*raw\.CR2 is left out, as no decoder here reads them/)]);
});

it("keeps what was embedded when it is cancelled", async () => {
  for (let i = 0; i < 6; i++) await copyFile("demos/photos/drawn-ship.jpg", join(folder, `ship${i}.jpg`));
  const cancelled = new AbortController();
  const progress = vi.spyOn(Terminal.prototype, "progress").mockReturnValue({
    // In the middle of the first eight: the rest of them is embedded, but is asked for no more.
    update: (done) => done === 3 && cancelled.abort(),
    stop: () => {},
  });
  await expect(run("a ship", {}, cancelled.signal)).rejects.toThrow(/abort/i);
  progress.mockRestore();
  const { found } = await run();
  expect(counts(found)).toEqual({ pictures: 9, embedded: 6, cached: 3 });
});

it("goes on where the cache cannot be written, and says so", async () => {
  await writeFile(cache, "a file in the place of the folder");
  const { code, errors, found } = await run();
  expect(code).toBe(0);
  expect(counts(found)).toEqual({ pictures: 3, embedded: 3, cached: 0 });
  expect(errors).toEqual([expect.stringMatching(/^warning: the embeddings could not be kept/)]);
});
