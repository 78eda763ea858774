// Four int8 of a 32-bit word, the lowest byte first. The word comes in all four lanes. Shifts, as unpack4xI8 is not
// everywhere.

fn fromInt8(word: vec4u) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(word << vec4u(24, 16, 8, 0)) >> vec4u(24));
}
