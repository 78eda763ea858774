// A stand-in for the Hub and a home of its own for each test of a file, and models of one tensor in it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { openCheckpoint, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceLike, SourceOptions } from "../../src/io/source/source.ts";
import { HubServer } from "./hubServer.ts";

/** Weights that are told by their one tensor. */
export function weightsOf(name: string): Uint8Array {
  return writeSafetensors({ [name]: { dtype: "F32", shape: [1], data: new Float32Array([1]) } });
}

export const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));

/** Of the test that runs. */
export let hub: HubServer;
/** An empty folder, where environment variables lead. */
export let home: string;

/** To be called at the top of a file of tests. */
export function useHub(): void {
  beforeEach(async () => {
    hub = await HubServer.start();
    home = await mkdtemp(join(tmpdir(), "hub-layouts-"));
    const unset = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
    for (const name of [...unset, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]) vi.stubEnv(name, "");
    vi.stubEnv("HOME", home);
    vi.stubEnv("HF_HOME", join(home, "hf"));
    vi.stubEnv("HF_ENDPOINT", hub.url);
    hub.files.set("config.json", json({ model_type: "clip" }));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await hub.stop();
    await rm(home, { recursive: true, force: true });
  });
}

/** Names of the tensors that a place gives. */
export async function tensorsOf(from: SourceLike, options: SourceOptions = {}): Promise<string[]> {
  const checkpoint = await openCheckpoint(await openSource(from, options), options);
  const names = [...checkpoint.tensors.keys()];
  await checkpoint.close();
  return names;
}
