// The command `serve`: what it refuses, and a server of it from its start to its end.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "./runCli.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "serve-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("refuses", () => {
  it.each<[string, readonly string[], number, RegExp]>([
    ["two models of one name", ["serve", "a=x", "a=y"], 2, /two models are called a/],
    ["a port that is none", ["serve", "--port", "70000"], 2, /0 to 65535/],
    ["a bound of nothing", ["serve", "--queue", "0"], 2, /--queue/],
    [
      "a token file that is not there",
      ["serve", "--token-file", "/nowhere"],
      1,
      /--token-file \/nowhere cannot be read/,
    ],
    ["a model that is not there", ["serve", "/nowhere"], 1, /\/nowhere/],
    [
      "a host that is not this machine's",
      ["serve", "checkpoints/tiny-clip", "--host", "192.0.2.1"],
      1,
      /cannot listen/,
    ],
  ])("%s", async (_, args, code, message) => {
    const result = await runCli(args);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
  });

  it("a short token, and a port that is taken", async () => {
    const file = join(folder, "token");
    await writeFile(file, "short\n");
    const short = await runCli(["serve", "--token-file", file]);
    expect([short.code, short.stderr]).toEqual([1, expect.stringMatching(/expected 16 or more/)]);
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const taken = await runCli(["serve", "checkpoints/tiny-clip", "--port", String(port)]);
    other.close();
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/another program listens there/)]);
  });
});

it("serves with a token, and on SIGTERM answers what it accepted and ends with 0", async () => {
  const image = (await readFile("demos/photos/drawn-cat.jpg")).toString("base64");
  const token = "a-token-of-some-length";
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  let answers: Promise<unknown[]> | undefined;
  const args = ["serve", "clip=checkpoints/tiny-clip", "--port", "0", "--json"];
  const { code, stdout, stderr } = await runCli(args, {
    env: { WEBGPU_VISION_TOKEN: token },
    onStdout: (text, child) => {
      const { address } = JSON.parse(text);
      const body = JSON.stringify({ input: [{ image }], model: "clip" });
      const asked = Array.from({ length: 8 }, () =>
        fetch(`${address}/v1/embeddings`, { method: "POST", headers, body }),
      );
      answers = Promise.all(asked.map(async (response) => (await (await response).json()).data.length));
      const accepted = async () => {
        const metrics = await (await fetch(`${address}/metrics`, { headers })).text();
        const done = /request_seconds_count\{route="\/v1\/embeddings",status="200"\} (\d+)/.exec(metrics)?.[1] ?? 0;
        return Number(/^webgpu_vision_requests_accepted (\d+)/m.exec(metrics)?.[1]) + Number(done);
      };
      void (async () => {
        while ((await accepted()) < 8) {}
        child.kill("SIGTERM");
      })();
    },
  });
  expect(await answers).toEqual(Array(8).fill(1));
  expect(JSON.parse(stdout).models).toEqual([{ name: "clip", modelClass: "Clip", dtype: "f32" }]);
  expect(stderr).toMatch(/stopping: what was accepted is answered first/);
  expect(code).toBe(0);
});

it("serves an index, whose pictures it finds as search does", async () => {
  const index = join(folder, "photos.index");
  const indexed = await runCli(["index", "demos/photos", "--out", index]);
  expect(indexed.stderr).not.toMatch(/error/);
  const query = ["a photo of a cat", "--top", "3", "--json"];
  const searched = JSON.parse((await runCli(["search", index, ...query])).stdout);
  const foreign = await runCli(["serve", "checkpoints/tiny-dino", "--index", index, "--port", "0"]);
  expect([foreign.code, foreign.stderr]).toEqual([
    1,
    expect.stringMatching(/has rows of tiny-clip \(f32\): serve that/),
  ]);
  let answers: Promise<{ status: number; json: Record<string, unknown> }[]> | undefined;
  const { code } = await runCli(
    ["serve", "checkpoints/tiny-clip", "--index", `mine=${index}`, "--port", "0", "--json"],
    {
      onStdout: (text, child) => {
        const { address } = JSON.parse(text);
        const ask = async (body: object) => {
          const headers = { "content-type": "application/json" };
          const response = await fetch(`${address}/v1/search`, { method: "POST", headers, body: JSON.stringify(body) });
          return { status: response.status, json: await response.json() };
        };
        const bodies = [
          { text: "a photo of a cat", top: 3 },
          { text: "a cat", where: "width > 100000" },
          { text: "a cat", where: "no sql" },
        ];
        answers = Promise.all(bodies.map(ask)).finally(() => child.kill("SIGTERM"));
      },
    },
  );
  const [answer, none, wrong] = (await answers) ?? [];
  const named = searched.results.map(({ image, score }: { image: string; score: number }) => [image, score]);
  const results = answer?.json.results as { path: string; score: number }[];
  expect(results.map(({ path }) => path)).toEqual(named.map(([image]: [string]) => image));
  for (const [i, { score }] of results.entries()) expect(score).toBeCloseTo(named[i][1], 4);
  expect(answer?.json).toMatchObject({ index: "mine", pictures: searched.pictures });
  expect(none?.json).toMatchObject({ pictures: 0, results: [] });
  expect([wrong?.status, JSON.stringify(wrong?.json)]).toEqual([
    400,
    expect.stringMatching(/where no sql cannot be meant/),
  ]);
  expect(code).toBe(0);
});
