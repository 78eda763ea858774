// A model without weights that can be read: the Hub's conversion of them, or an error that says what is there instead
// and the way on. Loaded when it comes up.
import { NotFoundError } from "../../device/errors.ts";
import type { Source } from "../source/source.ts";
import { INDEX, OPEN_CLIP, SINGLE } from "./checkpoint.ts";

/**
 * The same model at the Hub bot's conversion to safetensors.
 *
 * @throws NotFoundError where there is none
 */
export async function convertedSource(source: Source): Promise<Source> {
  const files = (await source.list?.()) ?? [];
  const isPickled = files.some((file) => PICKLE.test(file));
  const conversion = isPickled ? await source.conversion?.() : undefined;
  if (conversion) return { ...conversion, conversion: undefined }; // one is enough
  const reason = await explain(source, files);
  throw new NotFoundError(`${source.name} has no weights: expected ${SINGLE}, ${INDEX} or ${OPEN_CLIP}. ${reason}`);
}

const PICKLE = /(^|\/)[^/]*\.(bin|pth?|ckpt)(\.index\.json)?$/;

/** A sentence or two on what is there. */
async function explain(source: Source, files: readonly string[]): Promise<string> {
  const first = (pattern: RegExp) => files.find((file) => pattern.test(file));
  const adapter = first(/^adapter_(config\.json|model\.)/) ?? first(LORA);
  if (adapter && !adapter.includes("/")) return explainAdapter(source, adapter);
  const known = explainVariants(files) ?? explainFolders(files);
  if (known) return known;
  if (adapter) return explainAdapter(source, adapter);
  const pickle = first(PICKLE);
  if (pickle)
    return `It has ${pickle}, a Python pickle, which can run code and is not read. ${await pickleAdvice(source)}`;
  const onnx = first(/\.onnx$/);
  if (onnx) {
    return `It has ${onnx}: ONNX is for another engine (ONNX Runtime). Give the safetensors it was made from`;
  }
  const shard = first(/-\d{5}-of-\d{5}\.safetensors$/);
  if (shard) return `It has ${shard}, a part of the weights: ${INDEX} says what is in which, download it too`;
  const named = first(/\.safetensors$/);
  if (named)
    return `It has ${named}: if those are the model's weights, name the file ${SINGLE}, with config.json beside`;
  const other = first(/\.(h5|msgpack|gguf|npz|tflite)$/);
  if (other) return `It has ${other}, which is no checkpoint that is read here: convert it to ${SINGLE}`;
  return "(a pytorch_model.bin cannot be read: convert it to safetensors)";
}

/** PEFT's adapters in a folder, and diffusers' anywhere. */
const LORA = /(^|\/)pytorch_lora_weights\.safetensors$|\/adapter_(config\.json|model\.(safetensors|bin))$/;
/** Files that are read where no variant is asked for. */
const PLAIN = /^(open_clip_)?model\.safetensors(\.index\.json)?$/;

function explainVariants(files: readonly string[]): string | undefined {
  const plain = files.find((file) => PLAIN.test(file));
  const variant = files.map(variantOf).find((name) => name !== undefined);
  const advice = `{ variant: "${variant}" }, or --variant ${variant} to a command`;
  if (plain) return `It has ${plain}: leave the variant out${variant ? `, or give ${advice}` : ""}`;
  return variant && `It has the variant "${variant}": give ${advice}`;
}

/** The variant that a file's name tells, by transformers' and by diffusers' way to name shards and indices. */
function variantOf(file: string): string | undefined {
  const [, single, index, shard] =
    /^(?:open_clip_)?model\.(?!safetensors)([\w-]+?)(?:-\d+-of-\d+)?\.safetensors(?:\.index\.json)?$/.exec(file) ??
    /^model\.safetensors\.index(?:\.()([\w-]+))\.json$/.exec(file) ??
    /^model-\d+-of-\d+(?:\.()()([\w-]+))\.safetensors$/.exec(file) ??
    [];
  return single || index || shard || undefined;
}

function explainFolders(files: readonly string[]): string | undefined {
  const folders = files.map(
    (file) => /^(.+)\/(?:open_clip_)?model(?:\.[\w-]+)?\.safetensors(?:\.index.*)?$/.exec(file)?.[1],
  );
  const withWeights = [...new Set(folders.filter((folder) => folder !== undefined))];
  if (withWeights.length === 0) return undefined;
  const names = withWeights.slice(0, 5).join(", ");
  return `It has weights in ${names}: give { subfolder: "${withWeights[0]}" }, or --subfolder ${withWeights[0]}`;
}

interface AdapterConfig {
  readonly base_model_name_or_path?: unknown;
}

async function explainAdapter(source: Source, file: string): Promise<string> {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const where = folder && ` in ${folder.slice(0, -1)}`;
  if (file.endsWith("pytorch_lora_weights.safetensors")) {
    return (
      `It has a LoRA adapter${where} (pytorch_lora_weights.safetensors), not a whole model: merge it into its base ` +
      "model by diffusers' fuse_lora() and save_pretrained(), and give the folder of that"
    );
  }
  const config = (await source.json(`${folder}adapter_config.json`)) as AdapterConfig | undefined;
  const base = config?.base_model_name_or_path;
  const model = typeof base === "string" ? ` of ${base}` : "";
  return (
    `It ${where ? "has" : "is"} a LoRA adapter${where}${model}, not a whole model: merge it into its base model by ` +
    "PEFT's merge_and_unload() and save_pretrained(), and give the folder of that"
  );
}

async function pickleAdvice(source: Source): Promise<string> {
  const number = await source.pullRequest?.();
  if (number !== undefined) {
    return (
      `Its pull request ${number} holds safetensors, and is not by the Hub's bot: if you trust it, give ` +
      `{ revision: "refs/pr/${number}" }, or --revision refs/pr/${number}`
    );
  }
  if (!source.conversion) return "Convert it by transformers' save_pretrained()";
  return (
    "No pull request of its repository (refs/pr/N) was found to hold safetensors: convert it by transformers' " +
    "save_pretrained(), or ask the Hub's bot to (huggingface.co/spaces/safetensors/convert)"
  );
}
