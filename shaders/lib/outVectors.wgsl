// Where four neighbouring elements of a row of the result go: OutWord is vec4<Elem>. lib/outElements.wgsl has the same
// for rows that are no whole vec4s.

fn storeOut(at: u32, values: vec4<f32>, count: u32) {
  y[at / 4] = vec4<Elem>(values);
}
