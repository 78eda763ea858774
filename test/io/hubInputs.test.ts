// What is made of addresses, arguments and variables that are unusual or wrong, and of servers that fail.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { exchange } from "../../src/io/source/exchange.ts";
import { expandPath } from "../../src/io/source/hubEnvironment.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceOptions } from "../../src/io/source/source.ts";
import { home, hub, json, tensorsOf, useHub, weightsOf } from "./hubHome.ts";

useHub();

const asError = (name: string, message: RegExp) => ({ name, message: expect.stringMatching(message) });

describe("the address of a page", () => {
  beforeEach(() => {
    hub.files.set("model.safetensors", weightsOf("top"));
    hub.files.set("image_encoder/model.safetensors", weightsOf("below"));
  });

  test.each([
    ["/resolve/main/model.safetensors?download=true", ["top"]],
    ["/raw/main/config.json", ["top"]],
    ["/resolve/main/image_encoder/model.safetensors", ["below"]],
    ["/resolve/main/image_encoder", ["below"]],
    ["/tree/main/image%5Fencoder", ["below"]],
  ])("%s", async (path, tensors) => {
    expect(await tensorsOf(`${hub.url}/${hub.id}${path}`)).toEqual(tensors);
  });

  it("keeps the encoded slash of a branch", async () => {
    const { name } = await openSource(`${hub.url}/${hub.id}/tree/feature%2Fx/image_encoder`);
    expect(name).toBe(`the Hub id ${hub.id}@feature/x, folder image_encoder/`);
  });

  test.each(["/owner/tiny-clip/tree/main/%ZZ", "/datasets/a/b", "/spaces/a/b/tree/main", "/datasets/a/b/blob/main/c"])(
    "refuses %s",
    async (path) => {
      const error = asError("ArgumentError", /write it as %25|page of a (dataset|space), which is no model/);
      await expect(openSource(hub.url + path)).rejects.toMatchObject(error);
    },
  );
});

describe("arguments", () => {
  test.each([{ subfolder: 5 }, { revision: 5 }, { variant: 5 }, { subfolder: ["a"] }])("refuses %j", async (wrong) => {
    const error = asError("ArgumentError", /(subfolder|revision|variant) is (5|\["a"\]), expected a string/);
    await expect(openSource(hub.id, wrong as unknown as SourceOptions)).rejects.toMatchObject(error);
  });

  it("takes null as absent", async () => {
    hub.files.set("model.safetensors", weightsOf("top"));
    const none = { subfolder: null, revision: null, variant: null } as unknown as SourceOptions;
    expect(await tensorsOf(hub.id, none)).toEqual(["top"]);
  });

  it("skips what is null among the discussions", async () => {
    hub.files.set("pytorch_model.bin", new Uint8Array(9));
    hub.requests.set("refs/pr/1", new Map());
    hub.api.set("discussions?type=pull_request", { discussions: [null, { num: 1, author: null }] });
    await expect(tensorsOf(hub.id)).rejects.toMatchObject(asError("NotFoundError", /a Python pickle/));
  });
});

describe("~user", () => {
  it("is that user's home", () => {
    const { username, homedir } = userInfo();
    expect(expandPath(`~${username}/hf`)).toBe(`${homedir}/hf`);
    expect(expandPath("~nobody-of-that-name/hf")).toBe("~nobody-of-that-name/hf");
    expect(expandPath("~/hf")).toBe(`${home}/hf`);
  });

  test.runIf(existsSync("/etc/passwd"))("of another user is read from /etc/passwd", async () => {
    const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
    const [name, , , , , folder] = users.find(([user]) => user && user !== userInfo().username) ?? [];
    expect(expandPath(`~${name}/hf`)).toBe(`${folder}/hf`);
  });
});

describe("a server that is asked again", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** Milliseconds until the second try, for what the first one gave. */
  async function pauseAfter(first: Response | Error): Promise<number> {
    await import("../../src/io/source/retry.ts"); // or the clock would go on while it is loaded
    vi.useFakeTimers();
    const start = Date.now();
    const give = vi.fn(async () => new Response("ok"));
    give.mockImplementationOnce(async () => {
      if (first instanceof Error) throw first;
      return first;
    });
    vi.stubGlobal("fetch", give);
    const answer = exchange(new URL("http://hub/x"), {});
    while (give.mock.calls.length < 2) await vi.advanceTimersByTimeAsync(100);
    expect(await (await answer).response.text()).toBe("ok");
    return Date.now() - start;
  }
  const busy = (status: number, headers: Record<string, string> = {}) => new Response("", { status, headers });
  const api = (text: string) => ({ ratelimit: text, "retry-after": "7" });

  test.each<[string, Response | Error, number]>([
    ["408", busy(408), 1],
    ["a limit", busy(429, api('"api";r=0;t=55')), 56],
    ["a limit that is not reached", busy(429, api('"api";r=3;t=55')), 7],
    ["a limit beside another status", busy(503, api('"api";r=0;t=55')), 7],
    ["a fraction", busy(503, { "retry-after": "1.5" }), 1],
    ["less than nothing", busy(503, { "retry-after": "-5" }), 1],
    ["a reset", Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } }), 1],
    ["a closed socket", Object.assign(new TypeError("fetch failed"), { cause: { code: "UND_ERR_SOCKET" } }), 1],
  ])("%s", async (_name, first, seconds) => {
    expect(Math.floor((await pauseAfter(first)) / 1000)).toBe(seconds);
  });

  it("is left alone when cancelled", async () => {
    const reset = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } });
    const tries = vi.fn(() => Promise.reject(reset));
    vi.stubGlobal("fetch", tries);
    const control = new AbortController();
    const answer = exchange(new URL("http://hub/x"), {}, control.signal);
    setTimeout(() => control.abort(new Error("enough")), 50);
    await expect(answer).rejects.toThrow("enough");
    expect(tries).toHaveBeenCalledTimes(1);
  });
});

describe("what is told of a place without the weights", () => {
  const holds = (...paths: string[]) => {
    for (const path of paths) hub.files.set(path, weightsOf("x"));
    hub.api.set(
      "tree/main?recursive=true",
      [...hub.files.keys()].map((path) => ({ type: "file", path })),
    );
  };

  test.each<[string[], SourceOptions, RegExp]>([
    [["model.safetensors"], { variant: "fp16" }, /It has model.safetensors: leave the variant out$/],
    [["model.safetensors", "model.fp16.safetensors"], { variant: "bf16" }, /leave the variant out, or give .*"fp16"/],
    [["a/b/model.safetensors", "c/x.bin"], { subfolder: "nope" }, /no files in nope\/: give one of a\/b, c$/],
    [["model.safetensors"], { subfolder: "nope" }, /no files in nope\/: leave the subfolder out$/],
    [["model.fp16-00001-of-00002.safetensors"], {}, /variant "fp16": give/],
    [["model-00001-of-00002.fp16.safetensors"], {}, /variant "fp16": give/],
    [["model.safetensors.index.fp16.json"], {}, /variant "fp16": give/],
    [["model.fp16.safetensors.index.json"], {}, /variant "fp16": give/],
    [["model-00001-of-00002.safetensors"], {}, /a part of the weights: model.safetensors.index.json/],
    [["vit_b.safetensors"], {}, /vit_b.safetensors: .* name the file model.safetensors/],
    [["pytorch_lora_weights.safetensors"], {}, /LoRA adapter .pytorch_lora_weights.*fuse_lora/],
    [["text/pytorch_lora_weights.safetensors"], {}, /a LoRA adapter in text /],
  ])("%j: %j", async (paths, options, message) => {
    holds(...paths);
    await expect(tensorsOf(hub.id, options)).rejects.toMatchObject(asError("NotFoundError", message));
  });

  it("names the base of an adapter in a folder", async () => {
    holds("text/adapter_config.json", "text/adapter_model.safetensors");
    hub.files.set("text/adapter_config.json", json({ base_model_name_or_path: "owner/base" }));
    await expect(tensorsOf(hub.id)).rejects.toThrow(/has a LoRA adapter in text of owner\/base/);
  });

  it("knows the folder of a server that has no list", async () => {
    hub.files.set("text/config.json", json({}));
    await expect(tensorsOf(hub.id, { subfolder: "text" })).rejects.toThrow(/has no weights/);
    await expect(tensorsOf(hub.id, { subfolder: "nope" })).rejects.toThrow(/no files in nope/);
  });
});
