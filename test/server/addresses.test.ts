// Pictures by their addresses, where a server allows them: what a stranger names must not reach this machine's network.
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressReader } from "../../src/server/addresses.ts";
import { type Answer, base64Of, PHOTOS, post, startTestServer } from "./testServer.ts";

const LIMITS = { bodyBytes: 1 << 20, timeout: 3, queue: 16 };
const PHOTO = PHOTOS[0] as string;

/** What was asked of the server of pictures, and of the one that must not be asked. */
const asked = { open: [] as string[], closed: 0 };
let origins: Server[];
let open: string;
let closed: string;
let server: Awaited<ReturnType<typeof startTestServer>>;

/** Listens on an address of this machine alone. */
async function listen(host: string, answer: RequestListener): Promise<[Server, string]> {
  const origin = createServer(answer);
  await new Promise<void>((resolve) => origin.listen(0, host, resolve));
  return [origin, `http://${host}:${(origin.address() as AddressInfo).port}`];
}

beforeAll(async () => {
  const [private_, closedAddress] = await listen("127.0.0.2", (_, response) => {
    asked.closed++;
    response.end("a secret");
  });
  const photo = await readFile(PHOTO);
  const [public_, openAddress] = await listen("127.0.0.1", (request, response) => {
    const path = request.url ?? "";
    asked.open.push(path);
    const to = (location: string) => response.writeHead(302, { location }).end();
    if (path === "/photo") response.end(photo);
    else if (path === "/moved") to("/photo");
    else if (path === "/round") to("/round");
    else if (path === "/inside") to(`${closed}/`);
    else if (path === "/file") to("file:///etc/passwd");
    else if (path === "/large") response.end(Buffer.alloc(2 << 20));
    else if (path === "/text") response.end("no picture");
    else if (path === "/cut") response.writeHead(200, { "content-length": 1000 }).write("a", () => response.destroy());
    else if (path !== "/silent") response.writeHead(404).end();
  });
  [closed, open] = [closedAddress, openAddress];
  origins = [private_, public_];
  server = await startTestServer({ limits: LIMITS, readAddress: await addressReader(["127.0.0.1"]) });
});
afterAll(async () => {
  await server.close(10);
  for (const origin of origins) {
    origin.closeAllConnections();
    origin.close();
  }
  expect(server.faults).toEqual([]);
  expect(asked.closed).toBe(0);
});

const embed = (image: string): Promise<Answer> => post(server, "/v1/embeddings", { input: [{ image }] });

describe("a picture by its address", () => {
  it("is the same as the picture itself, moved or not", async () => {
    const [itself, named, moved] = await Promise.all([
      embed(await base64Of(PHOTO)),
      embed(`${open}/photo`),
      embed(`${open}/moved`),
    ]);
    expect(named.status).toBe(200);
    expect(named.json.data).toEqual(itself.json.data);
    expect(moved.json.data).toEqual(itself.json.data);
  });

  it.each([
    ["/none", 400, /answers with status 404/],
    ["/round", 400, /leads on more than 5 times/],
    ["/file", 400, /is no http: or https: address/],
    ["/inside", 400, /is of a private network/],
    ["/text", 400, /is no picture that can be read/],
    ["/cut", 400, /cannot be read: ECONNRESET/],
    ["/large", 413, /what the request names has more than 1048576 bytes/],
    ["/silent", 504, /took over 3 s/],
  ])("%s is refused with %d", async (path, status, message) => {
    const answer = await embed(open + path);
    expect(answer.json.error.message).toMatch(message);
    expect(answer.status).toBe(status);
  });

  it("several of one request share its bytes", async () => {
    const fit = Math.floor(LIMITS.bodyBytes / (await readFile(PHOTO)).length);
    const ask = (count: number) =>
      post(server, "/v1/classify", { images: Array(count).fill(`${open}/photo`), labels: ["a"] });
    expect((await ask(3)).status).toBe(200);
    expect((await ask(fit + 1)).status).toBe(413);
  });
});

describe("what is not public", () => {
  it.each([
    "http://localhost:PORT/", // a name that leads here
    "http://127.0.0.2:PORT/",
    "http://0x7f.2:PORT/",
    "http://2130706434:PORT/",
    "http://[::1]:PORT/",
    "http://[::ffff:127.0.0.2]:PORT/",
    "http://0.0.0.0:PORT/",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "https://172.16.0.1/",
    "http://100.64.0.1/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
  ])("%s is not asked", async (address) => {
    const read = await addressReader();
    const { port } = new URL(closed);
    const signal = AbortSignal.timeout(5000);
    const reading = read(address.replace("PORT", port), { param: "image", take: () => {}, signal });
    await expect(reading).rejects.toThrow(/is of a private network, which this server does not ask/);
  });
});
