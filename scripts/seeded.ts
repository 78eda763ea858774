// Files of seeded weights: full-size checkpoints without their download.
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SeededRow, seededTensor } from "../src/check/seeded.ts";

/** Writes the weights into a temporary folder, gives the file's path to `use`, and removes the folder. */
export async function withSeededCheckpoint<T>(
  manifest: string,
  use: (path: string) => Promise<T>,
  name = "model.safetensors",
): Promise<T> {
  const rows = JSON.parse(await readFile(manifest, "utf8")) as SeededRow[];
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-"));
  try {
    const path = join(folder, name);
    await writeSeeded(rows, path);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A safetensors file of the manifest's tensors. */
export async function writeSeeded(rows: readonly SeededRow[], path: string): Promise<void> {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const { name, shape } of rows) {
    const end = offset + 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new BigUint64Array([BigInt(text.length)]);
  const file = await open(path, "w");
  try {
    await file.writeFile(new Uint8Array(length.buffer));
    await file.writeFile(text);
    for (const row of rows) await file.writeFile(new Uint8Array(seededTensor(row).buffer));
  } finally {
    await file.close();
  }
}
