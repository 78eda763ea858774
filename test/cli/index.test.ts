// `index` and `search` of an index: what an incremental run does, what is left by one that is killed, and what is
// refused.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@lancedb/lancedb";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleForNode } from "../../scripts/bundle.mjs";
import { Clip } from "../../src/api/clip.ts";
import { testDevice } from "../adapters.ts";
import { runCli } from "./runCli.ts";

let folder: string;
let photos: string;
let index: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "index-"));
  photos = join(folder, "it's photos");
  index = join(folder, "photos.index");
  await mkdir(photos);
  for (const name of ["drawn-cat.jpg", "drawn-ship.jpg", "drawn-dog.jpg"])
    await copyFile(`demos/photos/${name}`, join(photos, name));
});
afterAll(() => rm(folder, { recursive: true }));

async function update(...more: string[]) {
  const { code, stdout, stderr } = await runCli(["index", photos, "--out", index, "--json", ...more]);
  return { code, stderr, ...(stdout === "" ? {} : JSON.parse(stdout)) };
}

async function find(...args: string[]) {
  const { code, stdout, stderr } = await runCli(["search", index, ...args, "--json"]);
  return { code, stderr, results: stdout === "" ? [] : (JSON.parse(stdout).results as Found[]) };
}

interface Found {
  readonly image: string;
  readonly score: number;
  readonly width: number;
  readonly taken: string | null;
}

/** Paths and vectors of all rows, as LanceDB's own reader gives them. */
async function rowsOf(where: string) {
  const database = await connect(where);
  const [name = ""] = await database.tableNames();
  const rows = await (await database.openTable(name)).query().toArray();
  return rows.map(({ path, vector }) => [path, Array.from(vector)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

describe("an incremental run", () => {
  it("embeds what is new, as the library does", async () => {
    expect(await update()).toMatchObject({ code: 0, pictures: 3, embedded: 3, known: 0, unchanged: 0, removed: 0 });
    using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await testDevice() });
    for (const [path, vector] of await rowsOf(index)) {
      const { data } = await clip.encodeImage(path);
      const apart = vector.map((value, i) => Math.abs((value as number) - (data[i] as number)));
      expect(Math.max(...apart)).toBeLessThan(1e-5);
    }
  });

  it("leaves what is as it was, knows what was moved, embeds what has changed, drops what is gone", async () => {
    expect(await update()).toMatchObject({ embedded: 0, known: 0, unchanged: 3, removed: 0 });
    await rename(join(photos, "drawn-cat.jpg"), join(photos, "moved cat.jpg"));
    await copyFile(join(photos, "drawn-ship.jpg"), join(photos, "copy.jpg"));
    await copyFile("demos/photos/drawn-horse.jpg", join(photos, "drawn-dog.jpg"));
    expect(await update()).toMatchObject({ pictures: 4, embedded: 1, known: 2, unchanged: 1, removed: 1 });
    await rm(join(photos, "copy.jpg"));
    await utimes(join(photos, "drawn-ship.jpg"), 1, 1);
    expect(await update()).toMatchObject({ pictures: 3, embedded: 0, known: 1, unchanged: 2, removed: 1 });
    const anew = join(folder, "anew.index");
    await runCli(["index", photos, "--out", anew]);
    expect(await rowsOf(index)).toEqual(await rowsOf(anew));
  });

  it("tells of what cannot be read, and does the others", async () => {
    await writeFile(join(photos, "broken.jpg"), "no picture");
    const list = join(folder, "list.txt");
    await writeFile(list, `${join(photos, "drawn-ship.jpg")}\n\n${join(folder, "missing.jpg")}\n`);
    const result = await update(list);
    expect(result).toMatchObject({ code: 1, pictures: 3, unchanged: 3 });
    expect(result.errors.map(({ path }: { path: string }) => path)).toEqual([
      join(folder, "missing.jpg"),
      join(photos, "broken.jpg"),
    ]);
    expect((await update("--strict")).code).toBe(1);
    await rm(join(photos, "broken.jpg"));
    expect(await runCli(["index", join(folder, "nowhere"), "--out", index])).toMatchObject({ code: 1 });
  });

  it("keeps what pictures say of themselves", async () => {
    const exif = {
      IFD2: { DateTimeOriginal: "2024:06:01 12:30:00" },
      IFD3: { GPSLatitudeRef: "S", GPSLatitude: "12/1 30/1 0/1", GPSLongitudeRef: "E", GPSLongitude: "77/1 0/1 36/1" },
    };
    const told = sharp({ create: { width: 40, height: 30, channels: 3, background: "red" } }).withExif(exif);
    await told.jpeg().toFile(join(photos, "told.jpg"));
    await update();
    const where = "taken >= timestamp '2024-05-31 00:00:00' and latitude < -12 and longitude > 77 and width = 40";
    const { results } = await find("a cat", "--where", where);
    expect(results.map(({ image, taken }) => [image, taken])).toEqual([
      [join(photos, "told.jpg"), "2024-06-01T12:30:00.000Z"],
    ]);
  });
});

describe("search", () => {
  it("takes texts, pictures, what it must not be like, and pages", async () => {
    const cat = join(photos, "moved cat.jpg");
    expect((await find("a photo of a cat")).results[0]?.image).toBe(cat);
    const [like] = (await find("--image", cat)).results;
    expect([like?.image, like?.score.toFixed(3)]).toEqual([cat, "1.000"]);
    const less = (await find("--image", cat, "--minus", "a photo of a cat")).results;
    expect(less.find(({ image }) => image === cat)?.score).toBeLessThan(0.99);
    const all = (await find("a ship", "--top", "4")).results;
    const small = (await find("a ship", "--where", "width < 100000")).results;
    expect(small).toEqual(all);
    expect((await find("a ship", "--where", "width > 100000")).results).toEqual([]);
    const pages = [await find("a ship", "--top", "2"), await find("a ship", "--top", "2", "--page", "2")];
    expect(pages.flatMap(({ results }) => results)).toEqual(all);
  });

  it("writes a page of the results", async () => {
    const html = join(folder, "found.html");
    const text = "<b>a ship</b>";
    expect((await find(text, "--top", "2", "--html", html)).code).toBe(0);
    const page = await readFile(html, "utf8");
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)?.length).toBe(2);
    expect(page).toContain("&#60;b&#62;a ship&#60;/b&#62;");
    expect(page).not.toContain(text);
  });

  it("finds by an index of neighbours what exact search finds", async () => {
    const { recall } = await update("--ann", "--check");
    expect(recall).toEqual({ share: 1, samples: 4 });
    const [exact, near] = [await find("a ship", "--exact"), await find("a ship")];
    expect(near.results.map(({ image }) => image)).toEqual(exact.results.map(({ image }) => image));
  });

  it("groups pictures that are almost the same", async () => {
    const cat = join(photos, "moved cat.jpg");
    const again = join(photos, "cat again.jpg");
    await sharp(cat).resize(300).jpeg({ quality: 60 }).toFile(again);
    await update();
    const html = join(folder, "twice.html");
    const { stdout } = await runCli(["search", index, "--near-duplicates", "0.97", "--html", html, "--json"]);
    const { groups } = JSON.parse(stdout);
    expect(groups).toHaveLength(1);
    const paths = groups[0].map(({ image }: Found) => image);
    expect(paths.sort()).toEqual([again, cat].sort());
    expect(groups[0][0].score).toBeCloseTo(1, 5);
    expect(groups[0][1].score).toBeGreaterThan(0.97);
    expect((await readFile(html, "utf8")).match(/<img /g)?.length).toBe(2);
    const one = await runCli(["search", index, "--near-duplicates", "--where", "width < 301"]);
    expect(one.stdout).toContain("no two pictures are almost the same");
    const both = await runCli(["search", index, "a cat", "--near-duplicates"]);
    expect(both.stderr).toContain("give it no text or picture");
    await rm(again);
    await update();
  });

  it.each<[string, readonly string[], RegExp]>([
    ["a condition that cannot be meant", ["a", "--where", "widht >"], /--where widht > cannot be meant/],
    ["a model that it has no rows of", ["a", "--model", "other"], /has no rows of other, but of tiny-clip \(f32\)/],
    ["nothing to look for", [], /nothing says what to look for/],
    ["what is the same as what it must not be", ["a cat", "--minus", "a cat"], /are the same/],
  ])("refuses %s", async (_, args, message) => {
    const { code, stderr } = await find(...args);
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it("of a folder that is no index has no conditions", async () => {
    const { code, stderr } = await runCli(["search", photos, "a", "--where", "width > 1"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/are for an index/)]);
  });
});

describe("who writes", () => {
  it("is one at a time, and a lock of a program that is gone holds nobody up", async () => {
    const lock = join(index, "writer.lock");
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
    const second = await update();
    expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/process \d+ on .* writes to/)]);
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
    expect((await update()).code).toBe(0);
  });

  it("killed at any time loses and doubles nothing", async () => {
    const many = join(folder, "many");
    await mkdir(many);
    for (let i = 0; i < 40; i++) {
      const background = { r: 6 * i, g: 255 - 6 * i, b: (i * 77) % 256 };
      await sharp({ create: { width: 64, height: 64, channels: 3, background } })
        .png()
        .toFile(join(many, `${i}.png`));
    }
    const [once, killed] = [join(folder, "once.index"), join(folder, "killed.index")];
    await runCli(["index", many, "--out", once]);
    const bundle = await bundleForNode("src/cli/main.ts");
    const killedAfter = (ms: number) =>
      new Promise((resolve) => {
        // A group of its own, as the command starts a process that does the work.
        const options = { stdio: "ignore", detached: true } as const;
        const child = spawn(process.execPath, [bundle, "index", many, "--out", killed], options);
        const timer = setTimeout(() => process.kill(-(child.pid as number), "SIGKILL"), ms);
        child.once("close", () => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    for (const ms of [1000, 2000, 3000]) await killedAfter(ms);
    expect(await runCli(["index", many, "--out", killed])).toMatchObject({ code: 0 });
    expect(await rowsOf(killed)).toEqual(await rowsOf(once));
  });

  it("of another format is told so", async () => {
    const other = join(folder, "other.index");
    await (await connect(other)).createTable("things", [{ a: 1 }]);
    const { code, stderr } = await runCli(["search", other, "a"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/things is no index of pictures/)]);
  });
});
