// Where in a repository, a folder or a server's folder a model lies, what is said where it has no weights that are
// read, environment variables as in huggingface_hub, and a busy server.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, test, vi } from "vitest";
import { modelSize } from "../../src/api/modelSize.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceOptions } from "../../src/io/source/source.ts";
import { home, hub, json, tensorsOf, useHub, weightsOf } from "./hubHome.ts";

useHub();

/** The hub's files in a folder. */
async function asFolder(): Promise<string> {
  const folder = join(home, "model");
  for (const [name, bytes] of hub.files) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  return folder;
}

describe("subfolder and variant", () => {
  beforeEach(() => {
    hub.files.set("model.safetensors", weightsOf("top"));
    hub.files.set("model.fp16.safetensors", weightsOf("half"));
    hub.files.set("models/image_encoder/model.safetensors", weightsOf("below"));
    hub.files.set("models/image_encoder/config.json", json({ model_type: "clip_vision_model" }));
    hub.files.set("models/image_encoder/model.fp16.safetensors", weightsOf("half below"));
  });

  const subfolder = "models/image_encoder";
  const cases: [string[], SourceOptions][] = [
    [["top"], {}],
    [["half"], { variant: "fp16" }],
    [["below"], { subfolder }],
    [["below"], { subfolder: "/models/image_encoder/" }],
    [["half below"], { subfolder, variant: "fp16" }],
  ];

  test.each(cases)("%j: %j", async (tensors, options) => {
    expect(await tensorsOf(hub.id, options)).toEqual(tensors);
    expect(await tensorsOf(hub.id, { ...options, cache: false })).toEqual(tensors);
    const folder = await asFolder();
    expect(await tensorsOf(folder, options)).toEqual(tensors);
    const source = await openSource(folder, options);
    const below = { model_type: options.subfolder ? "clip_vision_model" : "clip" };
    expect(await source.json("config.json")).toEqual(below);
    expect(await tensorsOf(`${hub.url}/${hub.id}/resolve/main/`, options)).toEqual(tensors);
  });

  it("are known to modelSize", async () => {
    const { files } = await modelSize(hub.id, { subfolder, variant: "fp16" });
    expect(files.map(({ name }) => name)).toContain("model.safetensors");
  });

  test.each(["model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json"])(
    "of shards: %s",
    async (index) => {
      hub.files.delete("model.fp16.safetensors");
      hub.files.set(index, json({ weight_map: { half: "model.fp16-00001-of-00001.safetensors" } }));
      hub.files.set("model.fp16-00001-of-00001.safetensors", weightsOf("half"));
      expect(await tensorsOf(hub.id, { variant: "fp16" })).toEqual(["half"]);
    },
  );

  test.each(["../other", "a/../../b", "/../etc", "C:\\models"])("a folder that leads out: %s", async (out) => {
    await expect(openSource(hub.id, { subfolder: out })).rejects.toThrow(/subfolder .* leads out of the model/);
  });

  it("refuses what is no variant, and both for bytes", async () => {
    await expect(openSource(hub.id, { variant: "../x" })).rejects.toThrow(/no part of a file's name/);
    const bytes = { config: {}, weights: weightsOf("x") };
    await expect(openSource(bytes, { subfolder })).rejects.toThrow(/no subfolder and no variant/);
  });

  it("of files that were chosen", async () => {
    const file = (path: string, name: string) => {
      const file = new File([weightsOf(name) as Uint8Array<ArrayBuffer>], path.split("/").pop() ?? "");
      return Object.defineProperty(file, "webkitRelativePath", { value: path });
    };
    const list = [file("m/model.safetensors", "top"), file("m/image_encoder/model.safetensors", "below")];
    expect(await tensorsOf(list)).toEqual(["top"]);
    expect(await tensorsOf(list, { subfolder: "image_encoder" })).toEqual(["below"]);
  });
});

describe("the address of a model's page", () => {
  test.each([
    ["", ["top"]],
    ["/", ["top"]],
    ["/tree/main", ["top"]],
    ["/tree/main/image_encoder", ["below"]],
    ["/blob/main/image_encoder/model.safetensors", ["below"]],
    ["/tree/refs/pr/3", ["request"]],
  ])("%s", async (path, tensors) => {
    hub.files.set("model.safetensors", weightsOf("top"));
    hub.files.set("image_encoder/model.safetensors", weightsOf("below"));
    hub.requests.set("refs/pr/3", new Map([["model.safetensors", weightsOf("request")]]));
    expect(await tensorsOf(`${hub.url}/${hub.id}${path}`)).toEqual(tensors);
    const { name } = await openSource(`${hub.url}/${hub.id}${path}`);
    expect(name).toMatch(/^the Hub id owner\/tiny-clip@(main|refs\/pr\/3)/);
  });

  test.each(["/datasets/owner", "/owner/tiny-clip/discussions", "/models/deep/folder"])("not %s", async (path) => {
    expect((await openSource(hub.url + path)).name).toBe(`${hub.url}${path}/`);
  });
});

describe("a model without weights that are read", () => {
  test.each<[string, RegExp]>([
    ["pytorch_model.bin", /pytorch_model.bin, a Python pickle.*refs\/pr\/N/],
    ["onnx/model.onnx", /onnx\/model.onnx: ONNX is for another engine/],
    ["model.fp16.safetensors", /variant "fp16": give \{ variant: "fp16" \}, or --variant fp16/],
    ["tf_model.h5", /tf_model.h5, which is no checkpoint/],
    ["adapter_model.safetensors", /LoRA adapter of owner\/base, not a whole model/],
  ])("%s", async (file, message) => {
    hub.files.set(file, weightsOf("x"));
    hub.files.set("adapter_config.json", json({ base_model_name_or_path: "owner/base" }));
    if (!file.startsWith("adapter")) hub.files.delete("adapter_config.json");
    await expect(tensorsOf(hub.id)).rejects.toMatchObject({
      name: "NotFoundError",
      message: expect.stringMatching(message),
    });
    await expect(modelSize(hub.id)).rejects.toThrow(message);
    const folder = message.source.includes("refs") ? /pytorch_model.bin, a Python pickle.*save_pretrained/ : message;
    await expect(tensorsOf(await asFolder())).rejects.toThrow(folder);
    const paths = hub.takePaths().filter((path) => path.includes(file));
    expect(await readdir(join(home, "hf/hub/models--owner--tiny-clip/blobs")).catch(() => [])).not.toContain(file);
    expect(paths.length).toBeGreaterThan(0);
  });

  it("names the folders that have some", async () => {
    hub.api.set("tree/main?recursive=true", [
      { type: "directory", path: "models" },
      { type: "file", path: "models/image_encoder/model.safetensors" },
    ]);
    await expect(tensorsOf(hub.id)).rejects.toThrow(/weights in models\/image_encoder: give \{ subfolder/);
  });

  const requests = (...authors: string[]) => {
    hub.files.set("pytorch_model.bin", new Uint8Array(9));
    const discussions = authors.map((name, i) => ({
      num: i + 2,
      author: { name },
      isPullRequest: true,
      status: "open",
    }));
    hub.api.set("discussions?type=pull_request", { discussions });
    for (const { num } of discussions) {
      hub.requests.set(`refs/pr/${num}`, new Map([["model.safetensors", weightsOf(`request ${num}`)]]));
    }
  };

  it("takes the conversion by the Hub's bot, and tells the console", async () => {
    requests("somebody", "SFconvertbot");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect(await tensorsOf(hub.id)).toEqual(["request 3"]);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/owner\/tiny-clip@main has no safetensors: .*refs\/pr\/3/)],
    ]);
    expect((await modelSize(hub.id)).files.map(({ name }) => name)).toContain("model.safetensors");
  });

  it("does not take anybody else's, and says its number", async () => {
    requests("somebody");
    await expect(tensorsOf(hub.id)).rejects.toThrow(/pull request 2 holds safetensors.*--revision refs\/pr\/2/);
    expect(await tensorsOf(hub.id, { revision: "refs/pr/2" })).toEqual(["request 2"]);
  });
});

describe("environment variables", () => {
  beforeEach(() => {
    hub.files.set("model.safetensors", weightsOf("top"));
  });

  test.each<[Record<string, string>, string]>([
    [{ HF_HOME: "~/a" }, "a/hub"],
    [{ HF_HOME: "$HOME/b" }, "b/hub"],
    [{ HF_HOME: "", XDG_CACHE_HOME: "~/c" }, "c/huggingface/hub"],
    [{ HF_HUB_CACHE: `\${HOME}/d` }, "d"],
    [{ HUGGINGFACE_HUB_CACHE: "~/e" }, "e"],
    [{ HF_HUB_CACHE: "~/$NOT_SET/f" }, "$NOT_SET/f"],
  ])("%j", async (variables, folder) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await tensorsOf(hub.id);
    expect(await readdir(join(home, folder))).toEqual(["models--owner--tiny-clip"]);
  });

  it("expands the option cache", async () => {
    await tensorsOf(hub.id, { cache: "~/own" });
    expect(await readdir(join(home, "own"))).toEqual(["models--owner--tiny-clip"]);
  });

  test.each<[Record<string, string>, string | undefined]>([
    [{ HF_TOKEN: "" }, "Bearer hf_file"],
    [{ HF_TOKEN: "hf_new", HUGGING_FACE_HUB_TOKEN: "hf_old" }, "Bearer hf_new"],
    [{ HUGGING_FACE_HUB_TOKEN: "hf_old" }, "Bearer hf_old"],
    [{ HF_TOKEN_PATH: "~/other" }, "Bearer hf_other"],
    [{ HF_TOKEN: " hf_\r\nnew\n" }, "Bearer hf_new"],
    [{ HF_TOKEN: "hf_new", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, undefined],
  ])("token: %j", async (variables, authorization) => {
    await mkdir(join(home, "hf"));
    await writeFile(join(home, "hf/token"), "hf_file\n");
    await writeFile(join(home, "other"), "hf_other");
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await tensorsOf(hub.id);
    expect(hub.seen[0]?.authorization).toBe(authorization);
  });

  it("never prints a token that cannot be sent", async () => {
    vi.stubEnv("HF_TOKEN", "hf_\u4e2d_secret");
    const error: Error = await tensorsOf(hub.id).catch((caught) => caught);
    expect(error).toMatchObject({ name: "ArgumentError", message: expect.stringMatching(/check the token/) });
    expect(`${error.stack} ${error.cause}`).not.toContain("secret");
  });

  test.each(["huggingface.co", "localhost:80", "http://"])("HF_ENDPOINT=%s", async (endpoint) => {
    vi.stubEnv("HF_ENDPOINT", endpoint);
    await expect(tensorsOf(hub.id)).rejects.toMatchObject({
      name: "ArgumentError",
      message: expect.stringContaining("HF_ENDPOINT"),
    });
    vi.stubEnv("HF_ENDPOINT", ` ${hub.url}/ `);
    expect(await tensorsOf(hub.id)).toEqual(["top"]);
  });

  test.each(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])("%s", async (name) => {
    vi.stubEnv(name, "1");
    await expect(tensorsOf(hub.id)).rejects.toThrow(new RegExp(`${name} forbids a download`));
    expect(hub.seen).toEqual([]);
  });
});

describe("a busy server", () => {
  beforeEach(() => {
    hub.files.set("model.safetensors", weightsOf("top"));
  });

  test.each([429, 500, 502, 503, 504])("%d is asked again, as long as five times", async (status) => {
    hub.faults.set("model.safetensors", { status, times: 5 });
    expect(await tensorsOf(hub.id)).toEqual(["top"]);
    await rm(join(home, "hf"), { recursive: true });
    hub.faults.set("model.safetensors", { status, times: 100 });
    hub.takePaths();
    await expect(tensorsOf(hub.id)).rejects.toThrow(new RegExp(`\\(${status}\\)`));
    expect(hub.takePaths()).toHaveLength(6);
  });

  it("is not waited for any longer once the load is cancelled, nor for an hour", async () => {
    hub.retryAfter = "200";
    hub.faults.set("model.safetensors", { status: 503 });
    const control = new AbortController();
    const load = tensorsOf(hub.id, { signal: control.signal });
    await vi.waitFor(() => expect(hub.seen).toHaveLength(1));
    control.abort(new Error("enough"));
    await expect(load).rejects.toThrow("enough");
    hub.retryAfter = "3600";
    await expect(tensorsOf(hub.id)).rejects.toThrow(/503/);
  });

  it("of other statuses is asked once", async () => {
    hub.faults.set("model.safetensors", { status: 403 });
    await expect(tensorsOf(hub.id)).rejects.toThrow(/403/);
    expect(hub.takePaths()).toHaveLength(1);
  });
});
