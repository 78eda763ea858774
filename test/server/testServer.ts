// A server of the shipped checkpoints for tests, and what tests ask of it.
import { readFile } from "node:fs/promises";
import { openDevice } from "../../src/device/open.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/server.ts";
import { TOGGLES } from "../adapters.ts";

export const PHOTOS = ["demos/photos/drawn-cat.jpg", "demos/photos/dog.jpg", "demos/photos/drawn-ship.jpg"];

/** Starts a server on a device of its own. Errors that are the server's fault end up in `faults`. */
export async function startTestServer(
  options: Partial<ServerOptions> = {},
): Promise<RunningServer & { readonly faults: unknown[] }> {
  const faults: unknown[] = [];
  const models = ["tiny-clip", "tiny-dino", "tiny-sam"].map((name) => ({ name, source: `checkpoints/${name}` }));
  const server = await startServer({
    models,
    version: "0.0.0",
    load: {},
    openDevice: () => openDevice({ toggles: TOGGLES }),
    onError: (error) => faults.push(error),
    ...options,
  });
  return { ...server, faults };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Answers are held to their schemas by the tests.
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many kinds.
  readonly json: any;
}

export async function answerOf(asked: Promise<Response>): Promise<Answer> {
  const { status, headers, ...response } = await asked.then(async (response) => {
    return { status: response.status, headers: response.headers, text: await response.text() };
  });
  return { status, headers, json: response.text === "" ? undefined : JSON.parse(response.text) };
}

/** Posts a body in JSON. */
export function post(server: RunningServer, path: string, body: unknown, init: RequestInit = {}): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  return answerOf(fetch(server.address + path, { method: "POST", headers, body: JSON.stringify(body), ...init }));
}

/** Posts a form; a path that begins with @ is a file. */
export async function postForm(
  server: RunningServer,
  path: string,
  fields: readonly (readonly [string, string])[],
): Promise<Answer> {
  const body = new FormData();
  for (const [name, value] of fields) {
    if (value.startsWith("@")) body.append(name, new Blob([await readFile(value.slice(1))]), "photo");
    else body.append(name, value);
  }
  return answerOf(fetch(server.address + path, { method: "POST", body }));
}

/** A photo as requests in JSON have it. */
export async function base64Of(path: string): Promise<string> {
  return (await readFile(path)).toString("base64");
}

/** A measure of the server's. */
export async function metric(server: RunningServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.address}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}
