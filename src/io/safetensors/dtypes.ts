// The element types a safetensors file may name: those of the official library, with their size in bits.

/** Element type as spelled in a safetensors header. */
export type StoredDType =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

// In the official order, which is also the order (reversed) in which its writer lays tensors out.
const BITS: ReadonlyMap<string, number> = new Map<StoredDType, number>([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/** All names, in the official order. */
export const STORED_DTYPES = [...BITS.keys()] as readonly StoredDType[];

export function isStoredDType(name: string): name is StoredDType {
  return BITS.has(name);
}

/** Bits per element: 4 and 6 for the packed types, else a multiple of 8. */
export function bitsOf(dtype: StoredDType): number {
  return BITS.get(dtype) ?? 0;
}
