// A checkpoint in several files: an index says which shard holds which tensor. Loaded for large models only.
import { InvalidFileError, NotFoundError } from "../../device/errors.ts";
import type { Source } from "../source/source.ts";
import { type Checkpoint, INDEX, type StoredTensor } from "./checkpoint.ts";

// One folder, no path parts: the index comes with the model and must not reach files beside or above it.
const SHARD_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

/** The largest models that are published have some 200. Each is an open file, or a connection to a server. */
const MOST_SHARDS = 1000;

type OpenShard = (name: string) => Promise<Checkpoint | undefined>;

/** Opens the shards that an index names; throws NotFoundError or InvalidFileError where one does not fit. */
export async function openShards(source: Source, index: unknown, open: OpenShard): Promise<Checkpoint> {
  const shardOf = weightMap(source, index);
  const shards = new Map<string, Checkpoint>();
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const name of new Set(shardOf.values())) {
      const shard = await open(name);
      if (!shard) throw new NotFoundError(`${source.name} lacks ${name}, which its ${INDEX} names: download it too`);
      shards.set(name, shard);
    }
    const metadata = Object.assign({}, ...[...shards.values()].map((shard) => shard.metadata));
    return { name: `${INDEX} of ${source.name}`, tensors: gather(source, shardOf, shards), metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The tensors that the index names, in the order of the shards' data so that each shard is read once through. */
function gather(
  source: Source,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Checkpoint>,
): Map<string, StoredTensor> {
  for (const [name, shard] of shardOf) {
    if (!shards.get(shard)?.tensors.has(name)) {
      throw new InvalidFileError(`${INDEX} of ${source.name} places tensor "${name}" in ${shard}, which lacks it`);
    }
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [shard, { tensors: held }] of shards) {
    for (const [name, tensor] of held) if (shardOf.get(name) === shard) tensors.set(name, tensor);
  }
  return tensors;
}

/** The shards that an index names. */
export function shardsOf(source: Source, index: unknown): string[] {
  return [...new Set(weightMap(source, index).values())];
}

function weightMap(source: Source, index: unknown): Map<string, string> {
  const fail = (what: string): never => {
    throw new InvalidFileError(`${INDEX} of ${source.name} ${what}`);
  };
  const map = typeof index === "object" && index !== null && "weight_map" in index ? index.weight_map : undefined;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return fail('has no "weight_map" object from tensor names to shards');
  }
  const entries: [string, unknown][] = Object.entries(map);
  if (entries.length === 0) fail("names no tensors");
  const shards = new Map<string, string>();
  for (const [name, shard] of entries) {
    if (typeof shard !== "string" || !SHARD_NAME.test(shard)) {
      return fail(`places tensor "${name}" in ${JSON.stringify(shard)}, expected a .safetensors file beside it`);
    }
    shards.set(name, shard);
  }
  const count = new Set(shards.values()).size;
  if (count > MOST_SHARDS) fail(`names ${count} files, expected ${MOST_SHARDS} at most`);
  return shards;
}
