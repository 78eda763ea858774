// A model's folder as a browser hands it over: a list of File objects, dropped or chosen.

import { ArgumentError } from "../../device/errors.ts";
import { blobFile } from "./bytes.ts";
import type { FileSource } from "./source.ts";

/** Files by their names. Where two folders hold a file of the same name, the one nearer to the top counts. */
export function openFileList(list: readonly File[]): FileSource {
  const areFiles = list.length > 0 && list.every((item) => item instanceof Blob && "name" in item);
  if (!areFiles) throw new ArgumentError("expected a list of File objects: choose config.json and the weights");
  const depth = ({ webkitRelativePath: path = "" }: File) => path.split("/").length;
  const byName = new Map<string, File>();
  for (const file of list) {
    const other = byName.get(file.name);
    if (!other || depth(file) < depth(other)) byName.set(file.name, file);
  }
  const open = async (name: string) => {
    const file = byName.get(name);
    return file && blobFile(name, file);
  };
  return { name: "the files chosen", open };
}
