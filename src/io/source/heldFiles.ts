// Models whose files the caller holds: a folder as a browser hands it over, dropped or chosen; or bytes. `isA` is
// given, so that a page loads this file alone.
import { ArgumentError } from "../../device/errors.ts";
import type { isA as IsA } from "../../device/tensor.ts";
import { blobFile, bytesFile } from "./bytes.ts";
import type { FileSource, Source, SourceBytes, SourceOptions } from "./source.ts";

/**
 * Files by their names. Where two folders hold a file of the same name, the one nearer to the top counts; a name with
 * folders in it is the end of a path.
 */
export function openFileList(list: readonly File[], isA: typeof IsA): FileSource {
  const areFiles = list.length > 0 && list.every((item) => isA(item, "File", "Blob") && "name" in item);
  if (!areFiles) throw new ArgumentError("expected a list of File objects: choose config.json and the weights");
  const depth = ({ webkitRelativePath: path = "" }: File) => path.split("/").length;
  const byName = new Map<string, File>();
  for (const file of list) {
    const other = byName.get(file.name);
    if (!other || depth(file) < depth(other)) byName.set(file.name, file);
  }
  const open = async (name: string) => {
    const ofPath = ({ webkitRelativePath: path = "" }: File) => path.endsWith(`/${name}`);
    const file = name.includes("/") ? list.find(ofPath) : byName.get(name);
    return file && blobFile(name, file);
  };
  const paths = list.map((file) => file.webkitRelativePath?.replace(/^[^/]*\//, "") || file.name);
  return { name: "the files chosen", open, list: async () => paths };
}

/** A model as bytes, which have neither folders nor variants. */
export function openBytes(source: SourceBytes, { subfolder, variant }: SourceOptions, isA: typeof IsA): Source {
  if (subfolder || variant) {
    throw new ArgumentError(
      "a model given as bytes has no subfolder and no variant: pass the bytes of the weights you want",
    );
  }
  const { config, weights, tokenizer, preprocessor, processor } = source ?? {};
  const isBytes = isA(weights, "Uint8Array", "ArrayBuffer", "Blob", "File");
  if (typeof config !== "object" || config === null || !isBytes) {
    throw new ArgumentError(
      "a model given as bytes needs { config, weights }: the parsed config.json, and model.safetensors as Uint8Array," +
        ` ArrayBuffer or Blob; got ${config === null ? "null" : typeof config} and ` +
        Object.prototype.toString.call(weights),
    );
  }
  const parsed = new Map<string, unknown>([
    ["config.json", config],
    ["tokenizer.json", tokenizer],
    ["preprocessor_config.json", preprocessor],
    ["processor_config.json", processor],
  ]);
  return {
    name: "the bytes given",
    json: async (file) => parsed.get(file),
    open: async (file) => {
      const json = parsed.get(file);
      if (json !== undefined) return bytesFile(file, new TextEncoder().encode(JSON.stringify(json)));
      if (file !== "model.safetensors") return undefined;
      return isA(weights, "Blob", "File") ? blobFile(file, weights) : bytesFile(file, weights);
    },
  };
}
