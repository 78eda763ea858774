// IEEE 754 half-precision floats for the host: Node 20 has no Float16Array.

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

/** The 16 bits of the half-precision float nearest to `value` (ties to even; overflow gives infinity). */
export function toHalf(value: number): number {
  floats[0] = value;
  const x = bits[0] as number;
  const sign = (x >>> 16) & 0x8000;
  const exponent = (x >>> 23) & 0xff;
  const mantissa = x & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 : 0);
  const e = exponent - 112;
  if (e >= 31) return sign | 0x7c00;
  if (e <= 0) {
    if (e < -10) return sign;
    return sign | roundShift(mantissa | 0x800000, 14 - e);
  }
  return sign | roundShift((e << 23) | mantissa, 13);
}

/** `n >> shift`, rounded to nearest with ties to even. */
function roundShift(n: number, shift: number): number {
  const half = 1 << (shift - 1);
  const rest = n & ((1 << shift) - 1);
  const floor = n >>> shift;
  return rest > half || (rest === half && floor & 1) ? floor + 1 : floor;
}

/** The value of a half-precision float given by its 16 bits. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** A whole array to half-precision bits. */
export function toHalfArray(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = toHalf(values[i] as number);
  return out;
}

/** A whole array of half-precision bits to floats. */
export function fromHalfArray(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = fromHalf(halves[i] as number);
  return out;
}
