// Low-rank adapters (Hu et al. 2021) that lie beside the weights they adapt: the weight is read as W + scale * B * A.
// PEFT keeps alpha in adapter_config.json (huggingface/peft: tuners/lora/layer.py), diffusers' and kohya's tools in a
// tensor beside the two (lora_down is A, lora_up is B).
import { CheckpointError } from "../device/errors.ts";
import { sizeOf } from "../device/tensor.ts";
import { asF32, readFloats } from "../io/safetensors/asF32.ts";
import type { StoredTensor } from "../io/safetensors/checkpoint.ts";
import type { Source } from "../io/source/source.ts";

type Tensors = ReadonlyMap<string, StoredTensor>;

/** The tensors of one adapted module. */
interface Adapter {
  a?: StoredTensor;
  b?: StoredTensor;
  alpha?: StoredTensor;
}

const ADAPTER = /^(.*)\.lora_(A|B|down|up)(?:\.[^.]+)??(?:\.weight)?$/;
const CONFIG = "adapter_config.json";

/** Settings of PEFT with which the sum is another one. */
const REFUSED: readonly string[] = ["use_dora", "fan_in_fan_out", "alpha_pattern"];

/** The tensors with adapters added to their weights; throws CheckpointError for what cannot be added. */
export async function withLora(file: string, tensors: Tensors, source: Source): Promise<Tensors> {
  const config = (await source.json(CONFIG)) as Readonly<Record<string, unknown>> | undefined;
  for (const key of REFUSED) {
    const value = config?.[key];
    const isSet = typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
    if (isSet) throw new CheckpointError(`${CONFIG}: ${key} is ${JSON.stringify(value)}, which is not read`);
  }
  const merged = new Map([...tensors].filter(([name]) => !/(^|\.)lora_/.test(name)));
  for (const [module, adapter] of adaptersOf(file, tensors)) {
    merged.delete(`${module}.alpha`);
    const scale = await scaleOf(file, module, adapter, config);
    const name = [`${module}.weight`, module].find((known) => merged.has(known)) ?? "";
    const base = merged.get(name);
    if (!base) throw new CheckpointError(`${file} has LoRA of "${module}" but no weight of it`);
    if (scale) merged.set(name, await adapted(file, base, adapter, scale));
  }
  return merged;
}

function adaptersOf(file: string, tensors: Tensors): Map<string, Adapter> {
  const adapters = new Map<string, Adapter>();
  for (const [name, tensor] of tensors) {
    if (!/(^|\.)lora_/.test(name)) continue;
    const [, module = "", which = ""] = ADAPTER.exec(name) ?? [];
    const adapter = adapters.get(module) ?? {};
    const key = which === "A" || which === "down" ? "a" : "b";
    if (!module || adapter[key]) {
      throw new CheckpointError(`${file}: tensor "${name}" is of an adapter that is not read: merge it, and save that`);
    }
    adapter[key] = tensor;
    const alpha = tensors.get(`${module}.alpha`);
    adapters.set(module, alpha ? { ...adapter, alpha } : adapter);
  }
  return adapters;
}

/** alpha / rank; 0 where nothing is added, as before training, when B is all zeros. */
async function scaleOf(
  file: string,
  module: string,
  { a, b, alpha }: Adapter,
  config: Readonly<Record<string, unknown>> | undefined,
): Promise<number> {
  if (!a || !b) throw new CheckpointError(`${file} has one half of the LoRA of "${module}" only`);
  if ((await readFloats(b)).every((value) => value === 0)) return 0;
  const rank = a.shape[0] ?? 0;
  const top = alpha ? (await readFloats(alpha))[0] : config?.lora_alpha;
  if (typeof top === "number") return top / (config?.use_rslora === true ? Math.sqrt(rank) : rank);
  throw new CheckpointError(
    `${file} has LoRA ("${b.name}") without its scale: put PEFT's ${CONFIG} beside it, or merge it ` +
      "(merge_and_unload) and save that",
  );
}

/** The weight [out, ...] plus scale * B [out, rank] * A [rank, ...], in F32, summed as it is streamed. */
async function adapted(file: string, base: StoredTensor, { a, b }: Adapter, scale: number): Promise<StoredTensor> {
  const [down, up] = [await readFloats(a as StoredTensor), await readFloats(b as StoredTensor)];
  const rank = a?.shape[0] ?? 0;
  const rows = base.shape[0] ?? 0;
  const columns = rows && sizeOf(base.shape) / rows;
  if (down.length !== rank * columns || up.length !== rows * rank) {
    throw new CheckpointError(
      `${file}: LoRA "${a?.name}" [${a?.shape}] and "${b?.name}" [${b?.shape}] do not fit ` +
        `"${base.name}" [${base.shape}]`,
    );
  }
  const plain = asF32(base);
  async function* stream(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const chunk of plain.stream(signal)) {
      const sums = new Float32Array(chunk.slice().buffer);
      for (let i = 0; i < sums.length; i++, at++) {
        const [row, column] = [Math.floor(at / columns), at % columns];
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += (up[row * rank + r] as number) * (down[r * columns + column] as number);
        sums[i] = (sums[i] as number) + scale * sum;
      }
      yield new Uint8Array(sums.buffer);
    }
  }
  const read = async (signal?: AbortSignal) => {
    const bytes = new Uint8Array(plain.byteLength);
    let at = 0;
    for await (const chunk of stream(signal)) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  };
  return { ...plain, stream, read };
}
