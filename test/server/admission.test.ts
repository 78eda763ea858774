// What is taken on at once, by number and by bytes, of a server without models.
import fastify, { type FastifyInstance } from "fastify";
import { afterEach, expect, it } from "vitest";
import { Admission } from "../../src/server/admission.ts";
import { failureOf } from "../../src/server/failures.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";

let app: FastifyInstance;
afterEach(() => app.close());

/** A server whose answers wait; `release` gives them. */
async function waitingServer(limits: Partial<typeof DEFAULT_LIMITS>) {
  const admission = new Admission({ ...DEFAULT_LIMITS, ...limits });
  const waiting: (() => void)[] = [];
  app = fastify();
  admission.guard(app);
  app.setErrorHandler((error, _, reply) => {
    const { status, retryAfter, body } = failureOf(error);
    return reply.code(status).header("retry-after", String(retryAfter)).send(body);
  });
  app.post("/", { config: { isWork: true } }, () => new Promise<string>((done) => waiting.push(() => done("{}"))));
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  const ask = (bytes: number) => {
    const headers = { "content-type": "application/json" };
    return fetch(address, { method: "POST", headers, body: `"${"a".repeat(bytes - 2)}"` });
  };
  const until = async (count: number) => {
    while (waiting.length < count) await new Promise(setImmediate);
  };
  const release = () => {
    for (const done of waiting.splice(0)) done();
  };
  return { admission, ask, until, release };
}

it.each<[string, Partial<typeof DEFAULT_LIMITS>, number, number]>([
  ["requests", { queue: 3 }, 10, 3],
  ["bytes of bodies", { bodyBytes: 1000 }, 1000, 8],
])("takes on so many %s at once, and others later", async (_, limits, bytes, most) => {
  const { admission, ask, until, release } = await waitingServer(limits);
  const first = Array.from({ length: most }, () => ask(bytes));
  await until(most);
  const refused = await ask(bytes);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  expect((await refused.json()).error.message).toMatch(/no room for one more/);
  release();
  for (const answer of await Promise.all(first)) expect(answer.status).toBe(200);
  while (admission.accepted > 0) await new Promise(setImmediate);
  const later = ask(bytes);
  await until(1);
  release();
  expect((await later).status).toBe(200);
});

it("counts a body that does not say its length as the largest that it may be", async () => {
  const { ask, until, release } = await waitingServer({ bodyBytes: 1000 });
  const first = Array.from({ length: 7 }, () => ask(1000));
  await until(7);
  const small = ask(10);
  await until(8);
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('"a"'));
      controller.close();
    },
  });
  const headers = { "content-type": "application/json" };
  const { port } = app.server.address() as { port: number };
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  expect((await fetch(`http://127.0.0.1:${port}`, init)).status).toBe(429);
  release();
  await Promise.all([...first, small]);
});
