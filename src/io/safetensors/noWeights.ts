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
  if (first(/^adapter_(config\.json|model\.)/)) return explainAdapter(source);
  const variant = /^(?:open_clip_)?model\.([\w-]+)\.safetensors/.exec(first(VARIANT) ?? "")?.[1];
  if (variant) {
    return `It has the variant "${variant}": give { variant: "${variant}" }, or --variant ${variant} to a command`;
  }
  const folders = files.map(
    (file) => /^(.+)\/(?:open_clip_)?model(?:\.[\w-]+)?\.safetensors(?:\.index.*)?$/.exec(file)?.[1],
  );
  const found = [...new Set(folders.filter((folder) => folder !== undefined))];
  if (found.length > 0) {
    const names = found.slice(0, 5).join(", ");
    return `It has weights in ${names}: give { subfolder: "${found[0]}" }, or --subfolder ${found[0]}`;
  }
  const pickle = first(PICKLE);
  if (pickle)
    return `It has ${pickle}, a Python pickle, which can run code and is not read. ${await pickleAdvice(source)}`;
  const onnx = first(/\.onnx$/);
  if (onnx) {
    return `It has ${onnx}: ONNX is for another engine (ONNX Runtime). Give the safetensors it was made from`;
  }
  const other = first(/\.(h5|msgpack|gguf|safetensors|npz|tflite)$/);
  if (other) return `It has ${other}, which is no checkpoint that is read here: convert it to ${SINGLE}`;
  return "(a pytorch_model.bin cannot be read: convert it to safetensors)";
}

const VARIANT = /^(open_clip_)?model\.(?!safetensors)[\w-]+\.safetensors(\.index\.json)?$/;

async function explainAdapter(source: Source): Promise<string> {
  const config = (await source.json("adapter_config.json")) as { base_model_name_or_path?: unknown } | undefined;
  const base = config?.base_model_name_or_path;
  const model = typeof base === "string" ? ` of ${base}` : "";
  return (
    `It is a LoRA adapter${model}, not a whole model: merge it into its base model by PEFT's merge_and_unload() and ` +
    "save_pretrained(), and give the folder of that"
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
