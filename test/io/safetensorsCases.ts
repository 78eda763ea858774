// Safetensors files, right and wrong, each made by hand, with what the reader must say of it.

/** A file of a header as written, and so many bytes of data. */
export function fileOf(header: string | Uint8Array, dataBytes = 0, statedLength?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(file.buffer).setBigUint64(0, statedLength ?? BigInt(json.byteLength), true);
  file.set(json, 8);
  return file;
}

export const tensor = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
export const one = (dtype: string, shape: string, offsets: string) => `{"a":${tensor(dtype, shape, offsets)}}`;
const utf8 = (text: string) => new TextEncoder().encode(text);

/**
 * What a file is, its bytes, and what the message says, or "ok". `stricter` marks where we refuse and Rust does not.
 */
export type Case = [what: string, file: Uint8Array, expected: RegExp | "ok", stricter?: "stricter"];

export const a4 = tensor("F32", "[1]", "[0,4]");
export const CASES: Case[] = [
  ["no tensors", fileOf("{}"), "ok"],
  ["one tensor", fileOf(one("F32", "[2]", "[0,8]"), 8), "ok"],
  ["a scalar", fileOf(one("F32", "[]", "[0,4]"), 4), "ok"],
  ["spaces after the header", fileOf("{}      "), "ok"],
  ["white space around the header", fileOf(" \n\t{}\r\n"), "ok"],
  ["an empty tensor", fileOf(one("I32", "[2,0]", "[0,0]")), "ok"],
  [
    "an empty tensor between two",
    fileOf(`{"a":${a4},"e":${tensor("F32", "[0]", "[4,4]")},"b":${tensor("F32", "[1]", "[4,8]")}}`, 8),
    "ok",
  ],
  ["names out of the data's order", fileOf(`{"b":${tensor("U8", "[4]", "[4,8]")},"a":${a4}}`, 8), "ok"],
  ["a huge size next to a zero", fileOf(one("U8", "[0,9007199254740991]", "[0,0]")), "ok"],
  ["a length beyond 2^53 after a zero", fileOf(one("U8", "[0,18446744073709551615]", "[0,0]")), "ok"],
  ["a length beyond 2^53 before a zero", fileOf(one("F32", "[18446744073709551615,0]", "[0,0]")), "ok"],
  ["packed F4", fileOf(one("F4", "[3,2]", "[0,3]"), 3), "ok"],
  ["metadata", fileOf('{"__metadata__":{"format":"pt","__proto__":"x"}}'), "ok"],
  ["metadata null", fileOf('{"__metadata__":null}'), "ok"],
  ["a tensor named __proto__", fileOf(`{"__proto__":${a4}}`, 4), "ok"],
  ["an escaped name", fileOf(`{"\\u0061\\"\\ud83d\\ude00":${a4}}`, 4), "ok"],
  [
    "an unknown field",
    fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":[1.5e3,{"x":null}]}}', 1),
    "ok",
  ],

  ["nothing", new Uint8Array(0), /is empty: download it again/],
  ["seven bytes", new Uint8Array(7), /has only 7 bytes/],
  ["a header of zero bytes", fileOf(""), /not JSON: expected a value at character 0/],
  [
    "a header beyond 100 MB",
    fileOf("{}", 0, 100_000_001n),
    /states a header of 100000001 bytes, more than the 100000000/,
  ],
  ["a header of 2^64-1 bytes", fileOf("{}", 0, 2n ** 64n - 1n), /states a header of 18446744073709551615 bytes/],
  ["a header beyond the file", fileOf("{}", 0, 3n), /states a header of 3 bytes, but only 2 follow/],
  ["a header that is a list", fileOf("[]"), /expected a JSON object/],
  ["a header that is a number", fileOf("1"), /expected a JSON object/],
  ["half a header", fileOf('{"a":'), /not JSON/],
  ["text after the header", fileOf("{}x"), /unexpected text after the end at character 2/],
  ["NUL padding", fileOf("{}\0\0"), /unexpected text after the end/],
  ["a byte order mark", fileOf("\ufeff{}"), /not JSON/],
  ["a comma before the end", fileOf('{"__metadata__":{},}'), /expected a string/],
  ["a raw line break in a name", fileOf(`{"a\n":${a4}}`, 4), /raw control character/],
  ["a bad escape", fileOf(`{"\\x":${a4}}`, 4), /bad escape/],
  ["half a surrogate pair", fileOf(`{"\\ud800":${a4}}`, 4), /surrogate/],
  ["bytes that are not UTF-8", fileOf(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), /not UTF-8/],
  ["a number out of range", fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1e999}}'), /out of range/],
  ["very deep nesting", fileOf(`{"a":${"[".repeat(100_000)}`), /nested too deeply/],

  ["two tensors of one name", fileOf(`{"a":${a4},"a":${a4}}`, 4), /the name "a" occurs twice/, "stricter"],
  ["one name spelled in two ways", fileOf(`{"a":${a4},"\\u0061":${a4}}`, 4), /the name "a" occurs twice/, "stricter"],
  ["two metadata", fileOf('{"__metadata__":{},"__metadata__":{}}'), /occurs twice/],
  ["a field given twice", fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /occurs twice/],
  ["metadata that is a list", fileOf('{"__metadata__":[]}'), /__metadata__ must be an object of strings/],
  ["metadata with a number", fileOf('{"__metadata__":{"a":1}}'), /must hold strings, "a" is none/],
  ["a tensor that is null", fileOf('{"a":null}'), /tensor "a" must be an object/],
  ["no dtype", fileOf('{"a":{"shape":[0],"data_offsets":[0,0]}}'), /has dtype missing, known are BOOL/],
  ["an unknown dtype", fileOf(one("F128", "[1]", "[0,16]"), 16), /has dtype "F128"/],
  ["a dtype in small letters", fileOf(one("f32", "[1]", "[0,4]"), 4), /has dtype "f32"/],
  ["a dtype that objects inherit", fileOf(one("constructor", "[0]", "[0,0]")), /has dtype "constructor"/],
  ["no shape", fileOf('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), /has shape missing/],
  ["a shape that is a number", fileOf(one("U8", "1", "[0,1]"), 1), /has shape 1, expected a list/],
  ["a negative size", fileOf(one("U8", "[-1]", "[0,1]"), 1), /has shape \[-1\]/],
  ["two negative sizes", fileOf(one("U8", "[-1,-4]", "[0,4]"), 4), /has shape \[-1, -4\]/],
  ["minus zero", fileOf(one("U8", "[-0]", "[0,0]")), /has shape/],
  ["a size with a point", fileOf(one("U8", "[4.0]", "[0,4]"), 4), /has shape \[4\]/],
  ["a size with an exponent", fileOf(one("U8", "[1e0]", "[0,1]"), 1), /has shape/],
  ["a size with a leading zero", fileOf(one("U8", "[01]", "[0,1]"), 1), /not JSON/],
  ["a size as text", fileOf(one("U8", '["1"]', "[0,1]"), 1), /has shape \["1"\]/],
  ["a product beyond 64 bits", fileOf(one("U8", "[4294967296,4294967296,2]", "[0,0]")), /beyond 64 bits/],
  ["a product beyond 64 bits, then zero", fileOf(one("U8", "[4294967296,4294967296,0]", "[0,0]")), /beyond 64 bits/],
  ["a product that wraps to its bytes", fileOf(one("F32", "[4611686018427387905]", "[0,4]"), 4), /beyond 64 bits/],
  ["a length that no file has", fileOf(one("U8", "[9007199254740993]", "[0,1]"), 1), /needs 9007199254740993 bytes/],
  ["a size beyond 2^64", fileOf(one("U8", "[18446744073709551617]", "[0,1]"), 1), /has shape/],
  ["F4 that ends within a byte", fileOf(one("F4", "[3]", "[0,1]"), 1), /ends within a byte/],
  ["one offset", fileOf(one("U8", "[1]", "[0]"), 1), /has data_offsets \[0\]/],
  ["three offsets", fileOf(one("U8", "[1]", "[0,1,1]"), 1), /has data_offsets/],
  ["offsets the wrong way round", fileOf(one("U8", "[4]", "[4,0]"), 4), /has data_offsets \[4, 0\]/],
  ["negative offsets", fileOf(one("U8", "[4]", "[-4,0]"), 4), /has data_offsets/],
  ["more bytes than the shape", fileOf(one("F32", "[1]", "[0,8]"), 8), /needs 4 bytes but its data_offsets span 8/],
  ["fewer bytes than the shape", fileOf(one("F32", "[3]", "[0,8]"), 8), /needs 12 bytes but its data_offsets span 8/],
  ["a hole at the start", fileOf(one("U8", "[4]", "[4,8]"), 8), /no tensor covers bytes 0 to 4/],
  ["a hole between", fileOf(`{"a":${a4},"b":${tensor("U8", "[1]", "[5,6]")}}`, 6), /no tensor covers bytes 4 to 5/],
  ["overlap", fileOf(`{"a":${a4},"b":${tensor("U8", "[4]", "[2,6]")}}`, 6), /"b" begins at 2, inside/],
  ["two tensors in one place", fileOf(`{"a":${a4},"b":${a4}}`, 4), /begins at 0, inside/],
  ["data cut off", fileOf(one("F32", "[2]", "[0,8]"), 7), /is cut off: its tensors need 8 bytes, 7 are there/],
  ["bytes after the data", fileOf(one("F32", "[2]", "[0,8]"), 9), /cover 8 of the 9 bytes/],
  ["bytes but no tensors", fileOf("{}", 1), /cover 0 of the 1 bytes/],

  ["a PyTorch zip", utf8("PK\x03\x04 pytorch_model/data.pkl"), /zip archive, probably a PyTorch .bin/],
  ["a pickle", new Uint8Array([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), /is a Python pickle/],
  [
    "a git-lfs pointer",
    utf8("version https://git-lfs.github.com/spec/v1\noid sha256:1"),
    /git-lfs pointer.*git lfs pull/,
  ],
  ["a web page", utf8("<!DOCTYPE html><html><body>Sign in</body></html>"), /is a web page/],
  ["JSON", utf8('{"error":"Entry not found"}'), /is JSON, not a safetensors file/],
  ["GGUF", utf8("GGUF\x03\0\0\0 and so on"), /is a GGUF file/],
  ["a NumPy array", new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x76, 0]), /is a NumPy array/],
  ["text", utf8("hello there, this is text"), /states a header of .* more than/],
];
