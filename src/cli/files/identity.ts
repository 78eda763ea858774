// What tells a checkpoint from all others, so that embeddings of one are never taken for those of another: a hash of
// its configuration and of samples of its weights. The name alone does not: a folder's files can be replaced.
import { createHash } from "node:crypto";
import { InvalidFileError } from "../../device/errors.ts";
import type { ByteSource } from "../../io/source/bytes.ts";
import type { Source } from "../../io/source/source.ts";

const SETTINGS = ["config.json", "open_clip_config.json", "processor_config.json", "preprocessor_config.json"];
const SINGLE = ["model.safetensors", "open_clip_model.safetensors"];
const INDEX = "model.safetensors.index.json";

const SAMPLES = 16;
const SAMPLE_BYTES = 4096;

/** A hash in hexadecimal digits. Reads 64 KiB of each weight file. */
export async function checkpointIdentity(source: Source, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for (const name of SETTINGS) hash.update(`${name} ${JSON.stringify(await source.json(name))}\n`);
  for (const name of [...SINGLE, ...(await shardNames(source))]) {
    const file = await source.open(name);
    if (!file) continue;
    try {
      hash.update(`${name} ${file.size}\n`);
      for await (const bytes of samples(file, signal)) hash.update(bytes);
    } finally {
      await file.close?.();
    }
  }
  return hash.digest("hex");
}

async function shardNames(source: Source): Promise<string[]> {
  const index = (await source.json(INDEX)) as { weight_map?: Record<string, unknown> } | undefined;
  if (!index) return [];
  const names = new Set(Object.values(index.weight_map ?? {}).map(String));
  // A name with a folder in it could lead anywhere.
  if ([...names].some((name) => /[/\\]/.test(name)))
    throw new InvalidFileError(`${INDEX} of ${source.name} names folders`);
  return [...names].sort();
}

/** Evenly spread over the file, its first and last bytes among them. */
async function* samples(file: ByteSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const last = Math.max(0, file.size - SAMPLE_BYTES);
  const starts = Array.from({ length: SAMPLES }, (_, i) => Math.floor((last * i) / (SAMPLES - 1)));
  for (const start of new Set(starts)) yield file.read(start, Math.min(file.size, start + SAMPLE_BYTES), signal);
}
