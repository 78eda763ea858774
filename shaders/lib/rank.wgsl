// Elements as whole numbers in the same order, so that NaN cannot be lost when they are compared. Elem is the kernel's.

const KIND = 0u; // of Elem: 0 float, 1 i32, 2 u32

// A whole number that grows with the element: NaN is the largest, -0 and 0 are equal.
fn rank(value: Elem) -> u32 {
  if (KIND == 1) {
    return u32(value) ^ 0x80000000;
  }
  if (KIND == 2) {
    return u32(value);
  }
  let bits = bitcast<u32>(f32(value));
  let magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return 0xffffffff;
  }
  return select(0x80000000 + magnitude, 0x80000000 - magnitude, bits > 0x7fffffff);
}
