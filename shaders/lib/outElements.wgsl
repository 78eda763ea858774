// Where the first `count` of four neighbouring elements of a row of the result go: OutWord is Elem. lib/outVectors.wgsl
// has the same as one store.

fn storeOut(at: u32, values: vec4<f32>, count: u32) {
  for (var i = 0u; i < count; i++) {
    y[at + i] = Elem(values[i]);
  }
}
