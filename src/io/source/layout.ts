// Models that are not at the top of their place, or not under the usual names: transformers' `subfolder` and `variant`.
import { ArgumentError, NotFoundError } from "../../device/errors.ts";
import type { FileSource, SourceOptions } from "./source.ts";

/** The files below a folder of the source, with the weights' files of the variant in place of the plain ones. */
export function withLayout(source: FileSource, options: Pick<SourceOptions, "subfolder" | "variant">): FileSource {
  const folder = folderOf(options.subfolder);
  const names = variantNames(options.variant);
  const open = async (file: string) => {
    for (const name of names.get(file) ?? [file]) {
      const opened = await source.open(folder + name);
      if (opened) return opened;
    }
    return undefined;
  };
  const { list, conversion, pullRequest } = source;
  return {
    name: [source.name, folder && `, folder ${folder}`, options.variant && `, variant ${options.variant}`].join(""),
    open,
    ...(pullRequest && { pullRequest }),
    ...(list && { list: () => listBelow(source, folder, list) }),
    ...(conversion && {
      conversion: async () => {
        const convertedSource = await conversion();
        return convertedSource && withLayout(convertedSource, options);
      },
    }),
  };
}

/** Paths of the files below a folder; throws NotFoundError, with the folders that are known, where it is not there. */
async function listBelow(
  source: FileSource,
  folder: string,
  list: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const all = await list();
  const below = all.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
  if (folder === "" || below.length > 0) return below;
  // A server without lists was asked for a few files of its top, and a disk is not listed to its depths.
  const { heldOf, TELLING_FILES } = await import("./tellingFiles.ts");
  const held = await heldOf((file) => source.open(folder + file), ["config.json", ...TELLING_FILES]);
  if (held.length > 0) return held;
  const folders = new Set(all.filter((path) => path.includes("/")).map((path) => path.slice(0, path.lastIndexOf("/"))));
  const names = [...folders].slice(0, 8).join(", ");
  throw new NotFoundError(
    `${source.name} has no files in ${folder}: ${names ? `give one of ${names}` : "leave the subfolder out"}`,
  );
}

/** The folder with its last slash. One before it is passed over, as a repository has no folder above its top. */
function folderOf(subfolder: string | null | undefined): string {
  if (!subfolder) return "";
  const parts = subfolder.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || /^[A-Za-z]:/.test(subfolder)) {
    throw new ArgumentError(`subfolder "${subfolder}" leads out of the model: give a folder in it, as "image_encoder"`);
  }
  return parts.map((part) => `${part}/`).join("");
}

/**
 * Names of a variant's files, by the plain ones: transformers and diffusers put it in different places of an index's
 * name (transformers: modeling_utils.py, _add_variant; diffusers: utils/hub_utils.py).
 */
function variantNames(variant: string | null | undefined): ReadonlyMap<string, readonly string[]> {
  if (!variant) return new Map();
  if (!/^[\w-]+$/.test(variant)) {
    throw new ArgumentError(`variant "${variant}" is no part of a file's name: expected letters and digits, as "fp16"`);
  }
  return new Map([
    ["model.safetensors", [`model.${variant}.safetensors`]],
    [
      "model.safetensors.index.json",
      [`model.safetensors.index.${variant}.json`, `model.${variant}.safetensors.index.json`],
    ],
    ["open_clip_model.safetensors", [`open_clip_model.${variant}.safetensors`]],
  ]);
}
