// /v1/search: what an index finds, by texts, pictures and conditions, as the library's own embeddings rank it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/device/errors.ts";
import type { IndexedPicture, IndexSearch, ServedIndex } from "../../src/server/indexes.ts";
import { base64Of, PHOTOS, post, postForm, startTestServer } from "./testServer.ts";

let server: Awaited<ReturnType<typeof startTestServer>>;
let rows: { readonly path: string; readonly vector: Float32Array }[] = [];

/** An index of the photos in memory; its only condition is `path`, of pictures with that path. */
const indexOf = (name: string): ServedIndex => {
  const those = (where: string | undefined) => {
    if (where?.includes("?")) throw new ArgumentError(`where ${where} cannot be meant`);
    return rows.filter(({ path }) => where === undefined || path === where);
  };
  const bestOf = (vector: Float32Array, { top, offset, where }: IndexSearch): IndexedPicture[] => {
    const scored = those(where).map(({ path, vector: row }) => {
      const score = row.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0);
      return { path, score, width: 320, height: null, taken: new Date("2024-05-01T10:00:00Z") };
    });
    return scored.sort((a, b) => b.score - a.score).slice(offset, offset + top);
  };
  return {
    name,
    model: "tiny-clip",
    count: async (where) => those(where).length,
    search: async (vector, options) => bestOf(vector, options),
  };
};

beforeAll(async () => {
  server = await startTestServer({ openIndexes: async () => [indexOf("photos"), indexOf("others")] });
  const { clip } = await server.models.use("Clip", undefined);
  rows = await Promise.all(PHOTOS.map(async (path) => ({ path, vector: (await clip.encodeImage(path)).data })));
});
afterAll(async () => {
  await server.close(10);
  expect(server.faults).toEqual([]);
});

const [cat, dog, ship] = PHOTOS as [string, string, string];
const search = (body: object) => post(server, "/v1/search", { index: "photos", ...body });
const pathsOf = (answer: Awaited<ReturnType<typeof search>>): string[] =>
  answer.json.results.map(({ path }: IndexedPicture) => path);

describe("/v1/search", () => {
  it("ranks by a text, with facts, page by page", async () => {
    const all = await search({ text: "a ship" });
    expect(all.status).toBe(200);
    expect(pathsOf(all)[0]).toBe(ship);
    expect(all.json).toMatchObject({ index: "photos", model: "tiny-clip", pictures: 3, page: 1 });
    expect(all.json.results[0]).toMatchObject({ width: 320, height: null, taken: "2024-05-01T10:00:00.000Z" });
    const second = await search({ text: "a ship", top: 1, page: 2 });
    expect(pathsOf(second)).toEqual(pathsOf(all).slice(1, 2));
  });

  it("ranks by a picture, by a form's file, and by what it must not be like", async () => {
    const byPicture = await search({ images: [await base64Of(dog)] });
    expect(pathsOf(byPicture)[0]).toBe(dog);
    expect(byPicture.json.results[0].score).toBeCloseTo(1, 4);
    const form = [
      ["index", "photos"],
      ["images", `@${cat}`],
    ] as const;
    expect(pathsOf(await postForm(server, "/v1/search", form))[0]).toBe(cat);
    const { clip } = await server.models.use("Clip", undefined);
    const texts = await clip.encodeText(["a photo", "a cat"]);
    const half = texts.data.length / 2;
    const sum = texts.data.subarray(0, half).map((value, i) => value - (texts.data[half + i] ?? 0));
    const expected = indexOf("photos").search(sum, { top: 3, offset: 0, where: undefined, isExact: true });
    const less = await search({ text: "a photo", minus: ["a cat"] });
    expect(pathsOf(less)).toEqual((await expected).map(({ path }) => path));
  });

  it("holds to conditions", async () => {
    const some = await search({ text: "a ship", where: cat });
    expect([pathsOf(some), some.json.pictures]).toEqual([[cat], 1]);
  });

  it.each<[string, object, number, RegExp]>([
    ["an index that there is not", { index: "holidays", text: "x" }, 404, /no index "holidays", expected "photos" or/],
    ["no index of two", { index: undefined, text: "x" }, 404, /the request names no index/],
    ["nothing to look for", { minus: ["a cat"] }, 400, /there is nothing to look for/],
    ["a query that cancels itself", { text: "a cat", minus: ["a cat"] }, 400, /are the same/],
    ["a condition that cannot be meant", { text: "x", where: "?" }, 400, /cannot be meant/],
    ["a picture that is none", { images: ["aGVsbG8="] }, 400, /picture|image/i],
    ["more results than a page has", { text: "x", top: 1001 }, 400, /top/],
    ["a field that there is not", { text: "x", limit: 3 }, 400, /limit|additional/],
  ])("refuses %s", async (_, body, status, message) => {
    const answer = await search(body);
    expect([answer.status, answer.json.error.message]).toEqual([status, expect.stringMatching(message)]);
  });

  it("says so where no index is served", async () => {
    const bare = await startTestServer({ models: [{ name: "clip", source: "checkpoints/tiny-clip" }] });
    const { status, json } = await post(bare, "/v1/search", { text: "x" });
    await bare.close(10);
    expect([status, json.error.message]).toEqual([404, expect.stringMatching(/start the server with --index/)]);
  });
});
