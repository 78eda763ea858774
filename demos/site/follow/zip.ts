// A zip file whose members are stored as they are: PNGs do not get smaller. Layout: PKWARE's APPNOTE.TXT, 4.3.
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Little-endian numbers of 2 bytes, or of 4 where they are in a list of their own. */
function numbers(...values: readonly (number | readonly [number])[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const value of values) {
    const [word, size] = typeof value === "number" ? [value, 2] : [value[0], 4];
    for (let i = 0; i < size; i++) bytes.push((word >>> (8 * i)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** Files by their paths, in one. */
export function zip(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Blob {
  const parts: BlobPart[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const [path, data] of files) {
    const name = Uint8Array.from(new TextEncoder().encode(path));
    // Version 2.0, names in UTF-8, stored, and 1 January 1980, as zip counts days.
    const common = [20, 0x800, 0, 0, 0x21, [crc32(data)], [data.length], [data.length], name.length, 0] as const;
    const head = numbers([0x04034b50], ...common);
    parts.push(head, name, data);
    directory.push(numbers([0x02014b50], 20, ...common, 0, 0, 0, [0], [offset]), name);
    offset += head.length + name.length + data.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = numbers([0x06054b50], 0, 0, files.size, files.size, [size], [offset], 0);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
