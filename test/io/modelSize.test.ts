// What a download would cost, asked of servers, folders and files.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { modelSize } from "../../src/api/modelSize.ts";
import { InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { HubServer } from "./hubServer.ts";

const weights = writeSafetensors({ a: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } });
const text = (words: string) => new TextEncoder().encode(words);

describe("modelSize", () => {
  let hub: HubServer;
  beforeEach(async () => {
    hub = await HubServer.start();
    vi.stubEnv("HF_ENDPOINT", hub.url);
    hub.files.set("config.json", text('{ "model_type": "clip" }'));
    hub.files.set("model.safetensors", new Uint8Array(5_000_000));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
  });

  test("counts what loading asks for, without reading the weights", async () => {
    hub.files.set("tokenizer.json", text("{}"));
    hub.files.set("README.md", text("not asked for"));
    const { bytes, family, modelClass, files } = await modelSize(hub.id);
    expect([family, modelClass]).toEqual(["clip", "Clip"]);
    expect(files.map(({ name }) => name)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(bytes).toBe(5_000_000 + 24 + 2);
    expect(files.find(({ name }) => name === "model.safetensors")?.bytes).toBe(5_000_000);
  });

  test("an old tokenizer counts where there is no new one, and only for CLIP", async () => {
    hub.files.set("vocab.json", text("{}"));
    hub.files.set("merges.txt", text("#"));
    expect((await modelSize(hub.id)).bytes).toBe(5_000_000 + 24 + 3);
    hub.files.set("config.json", text('{ "model_type": "sam" }'));
    expect(await modelSize(hub.id)).toMatchObject({ family: "sam", bytes: 5_000_000 + 23 });
  });

  test("shards are added up", async () => {
    hub.files.delete("model.safetensors");
    const index = text('{ "weight_map": { "a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors" } }');
    hub.files.set("model.safetensors.index.json", index);
    hub.files.set("one.safetensors", new Uint8Array(100));
    hub.files.set("two.safetensors", new Uint8Array(200));
    expect((await modelSize(hub.id)).bytes).toBe(300 + index.byteLength + 24);
  });

  test("open_clip's folders, and files at hand", async () => {
    const config = new File(["{}"], "open_clip_config.json");
    const files = [config, new File([weights], "open_clip_model.safetensors")];
    expect(await modelSize(files)).toMatchObject({ family: "clip", bytes: 2 + weights.byteLength });
  });

  test("no weights, no model, broken settings", async () => {
    hub.files.delete("model.safetensors");
    await expect(modelSize(hub.id)).rejects.toThrow(NotFoundError);
    hub.files.set("config.json", text("{ half"));
    await expect(modelSize(hub.id)).rejects.toThrow(InvalidFileError);
    await expect(modelSize([])).rejects.toThrow("choose config.json and the weights");
  });
});
