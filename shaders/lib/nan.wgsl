// NaN by its bits: compilers may take `x != x` for false, and some drivers' exp turns NaN into a number.

fn isNan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffff) > 0x7f800000;
}

fn isNan4(x: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4u>(x) & vec4u(0x7fffffff)) > vec4u(0x7f800000);
}
