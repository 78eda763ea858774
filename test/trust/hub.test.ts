// The Hub cache when programs run at once, are killed, meet servers that lie, change their minds or fall silent.
import { access, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InvalidFileError, NetworkError, NotFoundError } from "../../src/device/errors.ts";
import { openCheckpoint } from "../../src/io/safetensors/safetensors.ts";
import { openFolderInPage } from "../../src/io/source/keptFiles.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceOptions } from "../../src/io/source/source.ts";
import { home, hub, json, useHub, weightsOf } from "../io/hubHome.ts";

useHub();

const WEIGHTS = "model.safetensors";
const PROCESSOR = "preprocessor_config.json";
const MIB = 1024 * 1024;
const cache = () => join(home, "cache");
const models = () => join(cache(), "models--owner--tiny-clip");
const blobs = () => readdir(join(models(), "blobs")).catch(() => []);
const open = (options: SourceOptions = {}) => openSource(hub.id, { cache: cache(), ...options });

/** Puts a whole model on the Hub. */
function publish(weights = weightsOf("a")): void {
  hub.files.set(PROCESSOR, json({ size: 32 }));
  hub.files.set(WEIGHTS, weights);
}

/** Loads as a model does: its settings, then its weights. */
async function load(options: SourceOptions = {}): Promise<string> {
  const source = await open(options);
  const config = (await source.json("config.json")) as { model_type: string } | undefined;
  const processor = await source.json(PROCESSOR);
  const checkpoint = await openCheckpoint(source);
  await checkpoint.close();
  return `${config?.model_type} ${processor ? "with" : "without"} a processor, ${checkpoint.tensors.size} tensor`;
}
const WHOLE = "clip with a processor, 1 tensor";

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("nothing failed"),
    (error: Error) => error,
  );
}

describe("programs that load at once", () => {
  it("all get all files, from a cache that is empty at first", async () => {
    publish();
    for (let round = 0; round < 12; round++) {
      const loads = await Promise.all(Array.from({ length: 4 }, () => load()));
      expect(new Set(loads)).toEqual(new Set([WHOLE]));
      expect((await blobs()).filter((name) => /incomplete|link/.test(name))).toEqual([]);
      await rm(cache(), { recursive: true });
    }
  });

  it("leave nothing of a download that was killed, once another one has ended", async () => {
    publish();
    await load();
    const [blob = ""] = (await blobs()).filter((name) => name.length === 64);
    const folder = join(models(), "blobs");
    await rm(join(folder, blob));
    await rm(join(models(), "snapshots"), { recursive: true });
    await writeFile(join(folder, `${blob}.01234567.incomplete`), "half");
    await writeFile(join(folder, `${"a".repeat(64)}.01234567.incomplete`), "half of another file");
    await load();
    expect((await blobs()).filter((name) => name.includes("incomplete"))).toHaveLength(1);
  });
});

describe("a snapshot that lacks a file", () => {
  const names = ["config.json", PROCESSOR, WEIGHTS];

  it("is not used without the network: the error names the file", async () => {
    publish();
    hub.api.set(`revision/${hub.commit}`, { siblings: names.map((rfilename) => ({ rfilename })) });
    await load();
    await rm(join(models(), "snapshots", hub.commit, PROCESSOR)); // as if killed before it came
    await hub.stop();
    expect(await failureOf(load())).toBeInstanceOf(NetworkError);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const error = await failureOf(load());
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.message).toMatch(/^preprocessor_config.json of owner\/tiny-clip@main is not in/);
  });

  it("is asked for what the list has, and for nothing else", async () => {
    publish();
    hub.api.set(`revision/${hub.commit}`, { siblings: names.map((rfilename) => ({ rfilename })) });
    await load();
    expect(await readFile(join(models(), ".files", hub.commit), "utf8")).toBe(names.join("\n"));
    hub.takePaths();
    expect(await (await open()).open("tokenizer.json")).toBeUndefined();
    expect(hub.takePaths()).toEqual([]);
  });

  it("is asked for by name where the list is not whole", async () => {
    publish();
    hub.api.set(`revision/${hub.commit}`, { siblings: [{ rfilename: WEIGHTS }] });
    expect(await load()).toBe(WHOLE);
    await expect(access(join(models(), ".files", hub.commit))).rejects.toThrow();
  });

  it("is believed whole where Python has made it", async () => {
    await mkdir(join(models(), "refs"), { recursive: true });
    await mkdir(join(models(), "blobs"), { recursive: true });
    await mkdir(join(models(), "snapshots", hub.commit), { recursive: true });
    await writeFile(join(models(), "refs/main"), hub.commit);
    await writeFile(join(models(), "blobs/abc"), weightsOf("a"));
    await symlink("../../blobs/abc", join(models(), "snapshots", hub.commit, WEIGHTS));
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await (await open()).open(PROCESSOR)).toBeUndefined();
  });
});

describe("what comes from a server", () => {
  it("is what the Hub's hash says, or is not kept", async () => {
    publish();
    hub.faults.set(WEIGHTS, { flipAt: 40 });
    const error = await failureOf(load());
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(/model.safetensors of .* should have the SHA-256 [0-9a-f]{64}, what came has/);
    expect((await blobs()).filter((name) => name.length > 40)).toEqual([]);
    hub.faults.clear();
    expect(await load()).toBe(WHOLE);
  });

  it("is one file, not the beginning of one and the end of another", async () => {
    const [before, after] = [new Uint8Array(3 * MIB).fill(1), new Uint8Array(3 * MIB).fill(2)];
    publish(before);
    hub.faults.set(WEIGHTS, { cutOnceAt: 2 * MIB + 100, changesTo: after });
    const url = `${hub.url}/${hub.id}/resolve/main`;
    const file = await (await openSource(url)).open(WEIGHTS);
    const error = await failureOf(file?.read(0, 3 * MIB) ?? Promise.resolve());
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(/changed or went away while it was read/);
  });

  it.each([["..", ".", "../../x"], ["a".repeat(300)], ["-rf", "CON:", ""]].flat())(
    "is read and not kept under the name %.20j",
    async (etag) => {
      publish();
      hub.faults.set(WEIGHTS, { etag });
      expect(await load()).toBe(WHOLE);
      expect(await blobs()).toHaveLength(2);
      await expect(access(join(models(), "snapshots", hub.commit, WEIGHTS))).rejects.toThrow();
    },
  );

  it("is read where it cannot be kept", async () => {
    publish();
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect(await load({ cache: "/dev/null/nothing" })).toBe(WHOLE);
    expect(warn.mock.calls[0]?.[0]).toMatch(/cannot be written \(EN\w+\), so config.json is not kept/);
  });
});

describe("a server that falls silent", () => {
  it("is not waited for: before its answer, nor within it", async () => {
    const header = new Uint8Array(3 * MIB).fill(0x20);
    header.set([0, 0, 0x20, 0, 0, 0, 0, 0]); // the length of the header, 2 MiB
    publish(header);
    vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3");
    hub.faults.set(WEIGHTS, { silent: true });
    const silent = /was silent for 0.3 s: try again/;
    expect((await failureOf(load())).message).toMatch(silent);
    hub.faults.set(WEIGHTS, { slowMs: 60_000 });
    expect((await failureOf(load())).message).toMatch(silent);
    expect((await failureOf(load({ cache: false }))).message).toMatch(silent);
    expect((await blobs()).filter((name) => name.includes("incomplete"))).toEqual([]);
  });
});

describe("a server of one's own", () => {
  let server: Server;
  afterEach(() => server.close());
  const serve = async (body: () => Buffer, headers: Record<string, string>) => {
    server = createServer((_, response) => void response.writeHead(200, headers).end(body()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model/`);
  };

  it("cannot fill the memory with a few packed bytes", async () => {
    const packed = gzipSync(Buffer.alloc(80 * MIB, " "));
    const url = await serve(() => packed, { "content-encoding": "gzip" });
    const error = await failureOf((await openSource(url)).json("config.json"));
    expect(error).toBeInstanceOf(InvalidFileError);
    expect(error.message).toMatch(/has more than 67108864 bytes, which are not read/);
  });

  it("is asked again on the next day for what it did not have", async () => {
    const shelves = new Map<string, Response>();
    const shelf = {
      match: async (url: URL) => shelves.get(url.href)?.clone(),
      put: async (url: URL, response: Response) => void shelves.set(url.href, response),
    };
    vi.stubGlobal("caches", { open: async () => shelf });
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      let page = Buffer.from("<html>sign in to this network</html>");
      const headers = { "content-type": "text/html" };
      const folder = openFolderInPage(await serve(() => page, headers), {});
      expect(await folder.open("config.json")).toBeUndefined();
      page = Buffer.from("{}");
      headers["content-type"] = "application/json";
      expect(await folder.open("config.json")).toBeUndefined();
      vi.setSystemTime(Date.now() + 25 * 60 * 60 * 1000);
      expect((await folder.open("config.json"))?.size).toBe(2);
    } finally {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    }
  });
});
