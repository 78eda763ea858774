// The Hub as a page reads it: Cache Storage (a stand-in here, the real one in Chromium) in front of the Hub.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NetworkError } from "../../src/device/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { cachedModels, clearCachedModels } from "../../src/io/source/cachedModels.ts";
import { openHubInPage } from "../../src/io/source/hubPage.ts";
import { openFolderInPage } from "../../src/io/source/keptFiles.ts";
import { HubServer } from "./hubServer.ts";

const MIB = 1024 * 1024;
const weights = writeSafetensors({ a: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } });
describe("the Hub in a page", () => {
  let hub: HubServer;
  /** Cache Storage as far as it is used: entries are whole responses, and a body that fails leaves none. */
  const shelves = new Map<string, Response>();
  const shelf = {
    match: async (url: URL | string) => shelves.get(String(url))?.clone(),
    keys: async () => [...shelves.keys()].map((url) => ({ url })),
    delete: async ({ url }: { url: string }) => shelves.delete(url),
    put: async (url: URL, response: Response) => {
      const { status, headers } = response;
      const body = status === 404 ? null : await response.blob();
      shelves.set(url.href, new Response(body, { status, headers }));
    },
  };
  beforeEach(async () => {
    hub = await HubServer.start();
    hub.files.set("model.safetensors", weights);
    shelves.clear();
    vi.stubGlobal("caches", { open: async () => shelf });
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    await hub.stop();
  });
  const open = (options = {}) => openHubInPage({ id: hub.id, revision: "main", endpoint: hub.url }, options);
  const readA = async () => {
    const file = await open().open("model.safetensors");
    const checkpoint = await readSafetensors(file ?? "");
    const bytes = await checkpoint.tensors.get("a")?.read();
    expect(new Float32Array(bytes?.buffer ?? new ArrayBuffer(0))).toEqual(new Float32Array([1, 2]));
  };

  test("a second time nothing is asked", async () => {
    await readA();
    expect(await open().open("tokenizer.json")).toBeUndefined();
    expect(hub.takePaths()).toHaveLength(3);
    await readA();
    expect(await open().open("tokenizer.json")).toBeUndefined();
    expect(hub.takePaths()).toEqual([]);
  });

  test("a download that fails or is cancelled leaves nothing", async () => {
    hub.files.set("model.safetensors", new Uint8Array(3 * MIB));
    hub.faults.set("model.safetensors", { cutAt: 2 * MIB });
    await expect(open().open("model.safetensors")).rejects.toThrow(NetworkError);
    hub.faults.set("model.safetensors", { slowMs: 30 });
    const stop = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => stop.abort(reason);
    await expect(open({ signal: stop.signal, onProgress }).open("model.safetensors")).rejects.toBe(reason);
    expect(shelves.size).toBe(0);
  });

  test("without Cache Storage, with cache: false, or with a full disk it reads from the Hub", async () => {
    vi.stubGlobal("caches", {
      open: async () => ({ ...shelf, put: () => Promise.reject(new Error("QuotaExceededError")) }),
    });
    await readA();
    vi.stubGlobal("caches", undefined);
    await readA();
    expect((await open({ cache: false }).open("model.safetensors"))?.size).toBe(weights.byteLength);
    expect(shelves.size).toBe(0);
  });

  test("what is kept is listed with its size, by model, and removed by name", async () => {
    await readA();
    expect(await open().open("tokenizer.json")).toBeUndefined();
    const folder = openFolderInPage(new URL(`${hub.url}/${hub.id}/resolve/${hub.commit}`), {});
    await (await folder.open("model.safetensors"))?.close?.();
    const files = [{ name: "model.safetensors", bytes: weights.byteLength }];
    const model = { bytes: weights.byteLength, files };
    expect(await cachedModels()).toEqual([
      { name: `${hub.id}@${hub.commit}`, ...model },
      { name: `${hub.id}@main`, ...model },
    ]);
    expect(await clearCachedModels(`${hub.id}@main`)).toBe(weights.byteLength);
    expect((await cachedModels()).map(({ name }) => name)).toEqual([`${hub.id}@${hub.commit}`]);
    expect(await clearCachedModels()).toBe(weights.byteLength);
    expect(shelves.size).toBe(0);
    vi.stubGlobal("caches", undefined);
    expect(await cachedModels()).toEqual([]);
  });
});
