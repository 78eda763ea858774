// The i-th vec4 from element `first` of attention's operands: one load or store, where rows, offsets and heads are
// whole vec4s. lib/rowElements.wgsl has the same for any.

fn wordQ(first: u32, i: u32) -> vec4<Elem> {
  return q[first / 4 + i];
}

fn wordK(first: u32, i: u32) -> vec4<Elem> {
  return k[first / 4 + i];
}

fn wordV(first: u32, i: u32) -> vec4<Elem> {
  return v[first / 4 + i];
}

fn wordPad(first: u32, i: u32) -> vec4<Elem> {
  return pad[first / 4 + i];
}

fn storeWord(first: u32, i: u32, count: u32, x: vec4<Elem>) {
  out[first / 4 + i] = x;
}
