// A folder of the File System API in memory, as far as StoredRows uses it.

/** What a folder holds, by name. */
export type Contents = Map<string, Uint8Array<ArrayBuffer>>;

/** `failAt`: the write of this number, from 1, ends halfway, as when the disk is full. */
export function memoryFolder(contents: Contents, failAt = 0): FileSystemDirectoryHandle {
  let writes = 0;
  const fileHandle = (name: string) => ({
    getFile: async () => new File([contents.get(name) ?? new Uint8Array()], name),
    createWritable: async () => {
      const parts: BlobPart[] = [];
      return {
        write: async (part: BlobPart) => {
          if (++writes === failAt) throw new DOMException("the disk is full", "QuotaExceededError");
          parts.push(part);
        },
        close: async () => contents.set(name, new Uint8Array(await new Blob(parts).arrayBuffer())),
        abort: async () => {},
      };
    },
  });
  const folder = {
    name: "rows",
    getFileHandle: async (name: string, { create = false } = {}) => {
      if (!contents.has(name) && !create) throw new DOMException(`no ${name}`, "NotFoundError");
      if (!contents.has(name)) contents.set(name, new Uint8Array());
      return fileHandle(name);
    },
  };
  return folder as unknown as FileSystemDirectoryHandle;
}
