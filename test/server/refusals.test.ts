// What the server refuses: requests that cannot be meant or are too large, more of them than it takes on, and those of
// whom it does not know. Nothing that a client sends is a fault of the server.
import { connect } from "node:net";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, answerOf, base64Of, metric, PHOTOS, post, postForm, startTestServer } from "./testServer.ts";

const LIMITS = { bodyBytes: 1 << 20, pixels: 500_000, items: 3, queue: 4, timeout: 20, scenes: 1, sceneSeconds: 60 };

let server: Awaited<ReturnType<typeof startTestServer>>;
let cat: string;
beforeAll(async () => {
  server = await startTestServer({ limits: LIMITS });
  cat = await base64Of(PHOTOS[0] as string);
});
afterAll(async () => {
  await server.close(10);
  expect(server.faults).toEqual([]);
});

function expectRefused({ status, json }: Answer, expected: number, message: RegExp): void {
  expect(json.error.message).toMatch(message);
  expect(status).toBe(expected);
}

describe("bodies that cannot be meant", () => {
  it.each<[string, unknown, RegExp]>([
    ["/v1/embeddings", {}, /must have required property 'input'/],
    ["/v1/embeddings", { input: [] }, /input must NOT have fewer than 1 items/],
    ["/v1/embeddings", { input: [[1, 2, 3]] }, /input\/0 must be/],
    ["/v1/embeddings", { input: "a", encoding_format: "int8" }, /encoding_format must be .*float, base64/],
    ["/v1/embeddings", { input: "a", dimensions: 7 }, /dimensions is 7, but the model's embeddings have 128/],
    ["/v1/embeddings", { input: "a", temperature: 1 }, /"temperature", which is no field of it/],
    ["/v1/embeddings", { input: [{ image: "a", text: "b" }] }, /input\/0/],
    ["/v1/embeddings", { input: [{ image: "%%%%" }] }, /input\[0\]\.image is not base64/],
    ["/v1/embeddings", { input: [{ image: "https://example.com/a.png" }] }, /is an address: this server reads no/],
    ["/v1/embeddings", { input: [{ image: "file:0" }] }, /is an address/],
    ["/v1/embeddings", { input: [{ image: "file:///etc/passwd" }] }, /is an address/],
    ["/v1/embeddings", { input: [{ image: "bm90IGEgcGljdHVyZQ==" }] }, /is no picture that can be read/],
    ["/v1/classify", { images: ["aaaa"], labels: [] }, /labels must NOT have fewer than 1 items/],
    ["/v1/classify", { images: ["aaaa"], labels: ["a"], templates: ["no place"] }, /templates\/0 must match pattern/],
    ["/v1/classify", { images: ["aaaa"], labels: ["a"], top: "3" }, /top must be integer/],
    ["/v1/features", { images: ["aaaa"], size: 5000 }, /size must be/],
    ["/v1/segment", { image: "aaaa" }, /nothing says what to segment/],
    ["/v1/segment", { image: "aaaa", points: [{ x: 1 }] }, /points\/0 must have required property 'y'/],
    ["/v1/segment", { image: "aaaa", points: [{ x: 1, y: 1 }], boxes: [[0, 0, 1, 1]] }, /boxes are objects/],
  ])("%s %j", async (path, body, message) => {
    expectRefused(await post(server, path, body), 400, message);
  });

  it("what the library refuses is said in its words", async () => {
    const answer = await post(server, "/v1/features", { images: [cat], layers: [99] });
    expectRefused(answer, 400, /there is no layer 99/);
    const boxes = [[9, 9, 3, 3]];
    expectRefused(await post(server, "/v1/segment", { image: cat, boxes }), 400, /box/);
  });

  it("no body, no JSON, another type", async () => {
    const ask = (init: RequestInit) => answerOf(fetch(`${server.address}/v1/classify`, { method: "POST", ...init }));
    expectRefused(await ask({}), 400, /has no body/);
    const headers = { "content-type": "application/json" };
    expectRefused(await ask({ headers, body: "{" }), 400, /JSON/);
    expectRefused(await ask({ headers, body: '{"__proto__": {}}' }), 400, /JSON|proto/);
    expectRefused(await ask({ headers: { "content-type": "text/plain" }, body: "x" }), 415, /Media Type/);
    expectRefused(
      await postForm(server, "/v1/segment", [
        ["image", "a"],
        ["image", "b"],
      ]),
      400,
      /image twice/,
    );
    expectRefused(await postForm(server, "/v1/segment", [["toString", "1"]]), 400, /prototype property/);
  });

  it("no such model, scene or route", async () => {
    expectRefused(await post(server, "/v1/embeddings", { input: "a", model: "x" }), 404, /"x", expected "tiny-clip"/);
    expectRefused(await post(server, "/v1/embeddings", { input: "a", model: "tiny-sam" }), 404, /expected "tiny-clip"/);
    expectRefused(await post(server, "/v1/scenes/nobody/segment", { points: [{ x: 1, y: 1 }] }), 404, /no scene/);
    expectRefused(await answerOf(fetch(`${server.address}/v2`)), 404, /there is no GET \/v2/);
  });

  it.each([
    ["GET", "/v1/embeddings", "POST"],
    ["PATCH", "/healthz", "GET, HEAD"],
    ["OPTIONS", "/v1/scenes/x", "GET, HEAD, DELETE"],
  ])("%s is no method of %s", async (method, path, allowed) => {
    const answer = await answerOf(fetch(server.address + path, { method }));
    expectRefused(answer, 405, new RegExp(`has no ${method}, expected `));
    expect(answer.headers.get("allow")).toBe(allowed);
  });
});

describe("too much", () => {
  it("bytes, pixels and items", async () => {
    const large = await post(server, "/v1/embeddings", { input: "a".repeat(2 << 20) });
    expectRefused(large, 413, /too large/);
    // 36 million pixels of one colour are a small file.
    const pixels = await sharp({ create: { width: 6000, height: 6000, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    const image = pixels.toString("base64");
    expectRefused(await post(server, "/v1/segment", { image, points: [{ x: 1, y: 1 }] }), 413, /6000 x 6000 pixels/);
    const texts = { input: ["a", "b", "c", "d"] };
    expectRefused(await post(server, "/v1/embeddings", texts), 413, /input has 4, expected 3/);
    const labels = Array.from({ length: 5000 }, (_, i) => `label ${i}`);
    expectRefused(await post(server, "/v1/classify", { images: [cat], labels }), 400, /NOT have more than 4096 items/);
    const half = { images: [cat], labels: labels.slice(2500), templates: ["a {}", "the {}"] };
    expectRefused(await post(server, "/v1/classify", half), 413, /labels x templates has 5000/);
  });

  it("scenes", async () => {
    const { json } = await post(server, "/v1/scenes", { image: cat });
    const second = await post(server, "/v1/scenes", { image: cat });
    expectRefused(second, 429, /1 scenes are kept/);
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    await fetch(`${server.address}/v1/scenes/${json.id}`, { method: "DELETE" });
    const third = await post(server, "/v1/scenes", { image: cat });
    expect(third.status).toBe(201);
    await fetch(`${server.address}/v1/scenes/${third.json.id}`, { method: "DELETE" });
  });

  it("requests at once: 429 says when to come again, and then they are answered", async () => {
    const body = { input: [{ image: cat }, "a cat"] };
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(server, "/v1/embeddings", body)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(30);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await post(server, "/v1/embeddings", body)).status).toBe(200);
  });
});

it("work ends when its client goes", async () => {
  const gone = new AbortController();
  const settings = { points_per_side: 32, pred_iou_thresh: 0.1, stability_score_thresh: 0.1 };
  const asked = post(server, "/v1/masks", { image: cat, ...settings }, { signal: gone.signal });
  asked.catch(() => {});
  await until(async () => (await metric(server, "webgpu_vision_requests_accepted")) === 1);
  gone.abort();
  await expect(asked).rejects.toThrow(/abort/);
  await until(async () => (await metric(server, "webgpu_vision_requests_accepted")) === 0);
  // Everything mode of that grid takes much longer than this: SAM is free for the next one.
  expect((await post(server, "/v1/segment", { image: cat, points: [{ x: 9, y: 9 }] })).status).toBe(200);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

it("bytes that are no HTTP do no harm", async () => {
  const { port, hostname } = new URL(server.address);
  for (const bytes of [
    "\0\0\0\0",
    "GET / HTTP/9.9\r\n\r\n",
    "POST /v1/classify HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
  ]) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.resume();
    socket.end(bytes);
    await new Promise((resolve) => socket.once("close", resolve));
  }
  expect((await fetch(`${server.address}/healthz`)).status).toBe(200);
});

/** Values that stand in for what a schema expects. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  "",
  "a",
  "file:1",
  [],
  [[]],
  {},
  { image: {} },
  [null],
  "\0",
  { toString: 1 },
];

it("bodies with anything anywhere are no fault of the server", async () => {
  const bodies: Readonly<Record<string, object>> = {
    "/v1/embeddings": { input: ["a", { image: cat }], encoding_format: "float", dimensions: 128, model: "tiny-clip" },
    "/v1/classify": { images: [cat], labels: ["a", "b"], templates: ["{}"], top: 1 },
    "/v1/features": { images: [cat], size: 64, layers: [0], patches: true, attention: true },
    "/v1/segment": { image: cat, points: [{ x: 1, y: 2, label: 1 }], box: [0, 0, 9, 9], multimask: true },
    "/v1/masks": { image: cat, points_per_side: 1, pred_iou_thresh: 0.5, crop_n_layers: 0 },
    "/v1/scenes/x/segment": { boxes: [[0, 0, 9, 9]] },
  };
  const statuses = new Set<number>();
  for (const [path, body] of Object.entries(bodies)) {
    for (const name of Object.keys(body)) {
      for (const odd of ODD) {
        const payload = { ...body, [name]: odd };
        const { statusCode } = await server.app.inject({
          method: "POST",
          url: path,
          headers: { host: "localhost" },
          payload,
        });
        statuses.add(statusCode);
        expect(statusCode, JSON.stringify({ path, name, odd })).toBeLessThan(500);
      }
    }
  }
  expect([...statuses].sort()).toEqual([200, 400, 404]);
});

describe("who may ask", () => {
  it("without a token: whoever names this machine, and no page that leads a name of its own here", async () => {
    const ask = (host: string) => server.app.inject({ url: "/v1/models", headers: { host } });
    for (const host of ["localhost:80", "127.0.0.1", "[::1]:8080"]) expect((await ask(host)).statusCode).toBe(200);
    for (const host of ["evil.example", "127.0.0.1.evil.example", "\x7f"])
      expect((await ask(host)).statusCode).toBe(403);
  });

  it("with one: whoever knows it; health is for all", async () => {
    const models = [{ name: "tiny-clip", source: "checkpoints/tiny-clip" }];
    const guarded = await startTestServer({ token: "a-token-of-some-length", models });
    const ask = (path: string, authorization?: string) =>
      fetch(guarded.address + path, { headers: authorization === undefined ? {} : { authorization } });
    expect((await ask("/healthz")).status).toBe(200);
    for (const path of ["/v1/models", "/metrics", "/openapi.json", "/nowhere"]) {
      expect((await ask(path)).status, path).toBe(401);
      expect((await ask(path, "Bearer another")).status, path).toBe(401);
    }
    expect((await ask("/v1/models", "Bearer a-token-of-some-length")).status).toBe(200);
    await guarded.close(10);
  });
});
