// The models behind the worker in a real Chromium: the same results as in the page, pictures of every kind, errors of
// their class, aborts, several models at once, a page that goes on, and workers that end.
import { join } from "node:path";
import type { Browser, Page as Tab } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type PageServer, PLAIN_HOST, servePage, startChromium } from "./chromium.ts";
import type { WorkerPage } from "./workerPage.ts";

declare const page: WorkerPage;

let server: PageServer;
let browser: Browser;
let tab: Tab;
let problems: string[];

beforeAll(async () => {
  server = await servePage(join(import.meta.dirname, "workerPage.ts"));
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  problems = [];
  tab = await browser.newPage();
  tab.on("pageerror", (error) => problems.push(String(error)));
  await tab.goto(server.url, { waitUntil: "load" });
});

afterEach(async () => {
  await tab.close();
  expect(problems).toEqual([]);
});

it.each(["clip", "dino", "sam", "sam2"] as const)("%s gives what it gives in the page", async (name) => {
  const { isSame, length, mine, its } = await tab.evaluate((kind) => page.same(kind), name);
  expect(length).toBeGreaterThan(1000);
  expect(its).toBe(mine);
  expect(isSame).toBe(true);
  expect(tab.workers().length).toBe(1);
});

it("takes pictures of every kind, and leaves them to the page unless they are given away", async () => {
  const { rows, left, moved } = await tab.evaluate(() => page.kinds());
  const expected = rows.Blob as number[];
  expect(expected.length).toBe(128);
  for (const [kind, row] of Object.entries(rows)) {
    const cosine = row.reduce((sum, value, i) => sum + value * (expected[i] ?? Number.NaN), 0);
    expect(cosine, kind).toBeGreaterThan(0.99999);
  }
  expect(left.every((size) => size > 0)).toBe(true);
  expect(moved).toEqual([0, null]);
});

it("throws errors of their class, with their message", async () => {
  const outcome = await tab.evaluate(() => page.errors());
  expect(Object.entries(outcome).filter(([, { isOfClass }]) => !isOfClass)).toEqual([]);
  expect(outcome).toMatchObject({
    checkpoint: { name: "CheckpointError" },
    missing: { name: "NotFoundError", message: expect.stringContaining(`${server.url}nothing/here`) },
    image: { name: "ImageError", message: expect.stringMatching(/the Blob cannot be decoded/) },
    element: { name: "ImageError", message: expect.stringMatching(/HTMLParagraphElement/) },
    foreign: { name: "ImageError", message: expect.stringMatching(/another site.*CORS.*crossorigin="anonymous"/) },
    numbers: { name: "NumericError", message: expect.stringMatching(/its input "image" has NaN at element 0/) },
    labels: { name: "ArgumentError", message: expect.stringMatching(/empty list of labels/) },
    device: { name: "ArgumentError", message: expect.stringMatching(/GPUDevice/) },
    progress: { name: "RangeError", message: "not this far" },
    disposed: { name: "DisposedError", message: expect.stringMatching(/fromPretrained/) },
  });
});

it("on a page of plain http: an AdapterError that says so, in the page and from the worker", async () => {
  const plain = await browser.newPage();
  await plain.goto(server.url.replace("127.0.0.1", PLAIN_HOST), { waitUntil: "load" });
  const error = {
    name: "AdapterError",
    isOfClass: true,
    message: expect.stringMatching(/no WebGPU.*https or localhost/),
  };
  expect(await plain.evaluate(() => page.insecure())).toEqual({ isSecure: false, direct: error, worker: error });
  await plain.close();
});

it("aborts in the worker what is aborted in the page, with its reason", async () => {
  const outcome = await tab.evaluate(() => page.aborts());
  expect(outcome).toMatchObject({ loads: true, batch: true, everything: true, before: true, timeout: "TimeoutError" });
  expect(outcome.short).toEqual([true, true, true, true]);
  expect(outcome.done).toBeLessThan(40);
  expect(outcome.after).toEqual([1, 128]);
});

it("streams many pictures", async () => {
  const { worst, progress, ...found } = await tab.evaluate(() => page.streams());
  expect(worst).toBeLessThan(1e-3); // a JPEG's pixels and a bitmap's are the same; batches round differently
  expect(progress.at(-1)).toEqual({ done: 5, total: 5 });
  expect(found).toEqual({
    seen: [[0, true], [2, true], [4, true], "one"],
    errors: [
      [1, "ImageError", true, true],
      [3, "ImageError", true, true],
    ],
    lanes: ["decode", "gpu", "readback", "upload"],
    left: { returned: true, isBounded: true },
    aborted: true,
    failing: "RangeError: no more",
    thrown: "ImageError",
    wrong: "ArgumentError",
  });
});

it("runs two models at once in one worker", async () => {
  const outcome = await tab.evaluate(() => page.atOnce());
  expect(outcome).toMatchObject({ isSame: true, adapter: "cpu-swiftshader" });
  expect(outcome.shapes.map(([rows]) => rows)).toEqual([1, 1, 1]);
  expect(outcome.bytes).toBeGreaterThan(0);
  expect(outcome.maxBufferSize).toBeGreaterThan(0);
  expect(tab.workers().length).toBe(1);
});

it("leaves the page free while masks of a large photo are made", async () => {
  const session = await tab.createCDPSession();
  await session.send("Performance.enable");
  const seconds = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "ThreadTime")?.value ?? Number.NaN;
  };
  await tab.evaluate(() => page.prepare());
  const threadSeconds = async (where: "worker" | "page") => {
    const before = await seconds();
    await tab.evaluate((place) => page.largeMasks(place), where);
    return (await seconds()) - before;
  };
  const withWorker = await threadSeconds("worker");
  const without = await threadSeconds("page");
  console.log(`the page's thread ran for ${withWorker.toFixed(2)} s, without worker ${without.toFixed(2)} s`);
  // The CPU's time, as pauses on a busy machine say more about the machine.
  expect(withWorker).toBeLessThan(without / 2);
});

it("starts a new worker after stopWorker, and loads the model again", async () => {
  const { healths, stopped, scenes, isSame } = await tab.evaluate(() => page.restarts());
  expect(healths).toMatchObject([
    { state: "open", reopened: 0 },
    { state: "closed", weightBytes: 0, plans: 0, lastError: { name: "WorkerError" } },
    { state: "open", reopened: 1, calls: 0 },
    { state: "disposed", deviceBytes: 0 },
  ]);
  // After the loss the weights of texts alone were read again.
  expect(healths[2]?.weightBytes).toBeGreaterThan(1e6);
  expect(healths[0]?.weightBytes).toBeGreaterThan(healths[2]?.weightBytes as number);
  expect(stopped).toMatchObject({ name: "WorkerError", isOfClass: true });
  expect(scenes).toMatchObject({ name: "WorkerError", message: expect.stringMatching(/encode the picture again/) });
  expect(isSame).toBe(true);
});

it("notices a worker that dies without a word, and a script that is not there", async () => {
  const { died, shape, absent } = await tab.evaluate(() => page.dies());
  expect(died).toMatchObject({ name: "WorkerError", isOfClass: true });
  expect(shape).toEqual([1, 128]);
  expect(absent).toMatchObject({
    name: "WorkerError",
    message: expect.stringMatching(/could not be loaded.*optimizeDeps: .*startWorker/),
  });
});
