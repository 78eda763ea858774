// `npm run demo` where its port is busy: the next one, unless PORT asked for that one.
import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ROOT } from "./site.ts";

const started: ChildProcess[] = [];
const listening: Server[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill();
  for (const server of listening.splice(0)) server.close();
});

/** Takes a port, unless somebody else has it already. */
async function occupy(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.once("error", () => resolve()).listen(port, "localhost", resolve));
  listening.push(server);
  return (server.address() as AddressInfo | null)?.port ?? port;
}

/** Starts the demo; resolves with what it has said when it serves or has ended. */
function startDemo(port?: string): Promise<{ said: string; code: number | null }> {
  const { PORT, ...env } = process.env;
  const child = spawn(process.execPath, ["scripts/demo.mjs"], {
    cwd: ROOT,
    env: port === undefined ? env : { ...env, PORT: port },
  });
  started.push(child);
  let said = "";
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (part) => {
        said += part;
        if (said.includes("http://localhost")) resolve({ said, code: null });
      });
    }
    child.on("close", (code) => resolve({ said, code }));
  });
}

it("takes the next port, and says where it is", async () => {
  await occupy(8787);
  const { said } = await startDemo();
  const [url = "", port] = /http:\/\/localhost:(\d+)\//.exec(said) ?? [];
  expect(Number(port)).toBeGreaterThan(8787);
  expect(await (await fetch(url)).text()).toContain("webgpu-vision");
});

it("says PORT where the one that was asked for is busy, or is no port", async () => {
  const port = await occupy(0);
  const busy = await startDemo(String(port));
  expect(busy).toEqual({
    code: 1,
    said: expect.stringContaining(`error: port ${port} is busy: name another port, as in PORT=`),
  });
  const wrong = await startDemo("eighty");
  expect(wrong).toEqual({
    code: 1,
    said: expect.stringContaining("error: PORT=eighty is no port from 1 to 65535: name another"),
  });
});
