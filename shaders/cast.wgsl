// cast: elements as a checkpoint stores them to f32 or f16, rounded to nearest, ties to even. Done in integers where a
// subnormal may come up: drivers may flush them, in unpack2x16float too, and f16 needs no shader-f16 this way.
// x: little-endian bytes in 32-bit words; y: one f32 or two f16 a word. One word of y a thread.

struct Params {
  words: u32, // of y
  n: u32, // elements
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

override BYTES: u32 = 4; // of an element of x: 1 | 2 | 4 | 8
override KIND: u32 = 2; // 0 unsigned, 1 signed, 2 float, 3 bfloat16
override TO_HALF: bool = false;

// Element i of x, zero-extended: low word, high word.
fn load(i: u32) -> vec2u {
  switch (BYTES) {
    case 1: {
      return vec2u((x[i / 4] >> (8 * (i % 4))) & 0xff, 0);
    }
    case 2: {
      return vec2u((x[i / 2] >> (16 * (i % 2))) & 0xffff, 0);
    }
    case 4: {
      return vec2u(x[i], 0);
    }
    default: {
      return vec2u(x[2 * i], x[2 * i + 1]);
    }
  }
}

// The bits of the f32 nearest to element i.
fn floatBits(i: u32) -> u32 {
  let value = load(i);
  if (KIND == 3) {
    return value.x << 16;
  }
  if (KIND == 2) {
    switch (BYTES) {
      case 2: {
        return halfToFloat(value.x);
      }
      case 4: {
        return value.x;
      }
      default: {
        return doubleToFloat(value);
      }
    }
  }
  if (KIND == 1) {
    return signedToFloat(value);
  }
  return wholeToFloat(value);
}

// 1 where what lies below the kept bits rounds up: beyond half, or half and an odd result.
fn roundUp(kept: u32, rest: u32, half: u32) -> u32 {
  return select(0u, 1u, rest > half || (rest == half && (kept & 1) == 1));
}

fn halfToFloat(half: u32) -> u32 {
  let sign = (half & 0x8000) << 16;
  let exponent = (half >> 10) & 31;
  let mantissa = half & 0x3ff;
  // Infinity and NaN take the largest exponent; a subnormal of f16 is mantissa * 2^-24, which is normal in f32.
  let normal = (select(exponent + 112, 255u, exponent == 31) << 23) | (mantissa << 13);
  let subnormal = bitcast<u32>(f32(mantissa) * 5.9604644775390625e-8);
  return sign | select(normal, subnormal, exponent == 0);
}

fn doubleToFloat(value: vec2u) -> u32 {
  let sign = value.y & 0x80000000;
  let exponent = (value.y >> 20) & 0x7ff;
  let isNan = exponent == 0x7ff && ((value.y & 0xfffff) | value.x) != 0;
  if (isNan) {
    return sign | 0x7fc00000;
  }
  if (exponent >= 896 + 255) {
    return sign | 0x7f800000;
  }
  let mantissa = 0x800000 | ((value.y & 0xfffff) << 3) | (value.x >> 29);
  let rest = value.x & 0x1fffffff;
  if (exponent > 896) {
    let bits = ((exponent - 896) << 23) | (mantissa & 0x7fffff);
    return sign | (bits + roundUp(bits, rest, 0x10000000));
  }
  // Subnormal in f32: the mantissa moves down; a 1 among the bits lost before counts as "beyond half".
  let shift = 897 - exponent;
  if (shift > 24) {
    return sign;
  }
  let kept = mantissa >> shift;
  let lost = (2 * (mantissa & ((1u << shift) - 1))) | select(0u, 1u, rest != 0);
  return sign | (kept + roundUp(kept, lost, 1u << shift));
}

fn signedToFloat(value: vec2u) -> u32 {
  if (BYTES == 8) {
    if (value.y < 0x80000000) {
      return wholeToFloat(value);
    }
    let low = ~value.x + 1;
    return 0x80000000 | wholeToFloat(vec2u(low, ~value.y + select(0u, 1u, low == 0)));
  }
  // Never below 0, also where BYTES is 8: naga refuses a constant that overflows, even in code that is not reached.
  let unused = 32 - 8 * min(BYTES, 4u);
  let extended = bitcast<i32>(value.x << unused) >> unused;
  if (extended >= 0) {
    return wholeToFloat(vec2u(bitcast<u32>(extended), 0));
  }
  return 0x80000000 | wholeToFloat(vec2u(~bitcast<u32>(extended) + 1, 0));
}

fn wholeToFloat(value: vec2u) -> u32 {
  // The highest 1 moves to bit 31 of `high`.
  var high = value.y;
  var low = value.x;
  var exponent = 127u + 63;
  if (high == 0) {
    high = low;
    low = 0;
    exponent -= 32;
  }
  if (high == 0) {
    return 0;
  }
  let shift = countLeadingZeros(high);
  if (shift > 0) {
    high = (high << shift) | (low >> (32 - shift));
    low <<= shift;
  }
  let bits = ((exponent - shift) << 23) | ((high >> 8) & 0x7fffff);
  let lost = (2 * (high & 0xff)) | select(0u, 1u, low != 0);
  return bits + roundUp(bits, lost, 0x100);
}

// The 16 bits of the half-precision float nearest to an f32.
fn halfBits(bits: u32) -> u32 {
  let sign = (bits >> 16) & 0x8000;
  let exponent = (bits >> 23) & 0xff;
  let mantissa = bits & 0x7fffff;
  if (exponent == 0xff) {
    return sign | 0x7c00 | select(0u, 0x200u, mantissa != 0);
  }
  if (exponent >= 112 + 31) {
    return sign | 0x7c00;
  }
  if (exponent > 112) {
    let all = ((exponent - 112) << 23) | mantissa;
    let kept = all >> 13;
    return sign | (kept + roundUp(kept, all & 0x1fff, 0x1000));
  }
  if (exponent < 102) {
    return sign;
  }
  let shift = 126 - exponent;
  let all = 0x800000 | mantissa;
  let kept = all >> shift;
  return sign | (kept + roundUp(kept, all & ((1u << shift) - 1), 1u << (shift - 1)));
}

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let word = flatIndex(thread);
  if (word >= params.words) {
    return;
  }
  if (!TO_HALF) {
    y[word] = floatBits(word);
    return;
  }
  var pair = halfBits(floatBits(2 * word));
  if (2 * word + 1 < params.n) {
    pair |= halfBits(floatBits(2 * word + 1)) << 16;
  }
  y[word] = pair;
}
