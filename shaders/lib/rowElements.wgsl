// The i-th four elements from element `first` of attention's operands, one by one: RowWord is Elem. lib/rowVectors.wgsl
// has the same as one load or store. What lies beyond a row is read and not used; of a result only `count` are written.

fn wordQ(first: u32, i: u32) -> vec4<Elem> {
  let at = first + i * 4;
  return vec4<Elem>(q[at], q[at + 1], q[at + 2], q[at + 3]);
}

fn wordK(first: u32, i: u32) -> vec4<Elem> {
  let at = first + i * 4;
  return vec4<Elem>(k[at], k[at + 1], k[at + 2], k[at + 3]);
}

fn wordV(first: u32, i: u32) -> vec4<Elem> {
  let at = first + i * 4;
  return vec4<Elem>(v[at], v[at + 1], v[at + 2], v[at + 3]);
}

fn wordPad(first: u32, i: u32) -> vec4<Elem> {
  let at = first + i * 4;
  return vec4<Elem>(pad[at], pad[at + 1], pad[at + 2], pad[at + 3]);
}

fn storeWord(first: u32, i: u32, count: u32, x: vec4<Elem>) {
  for (var j = 0u; j < count; j++) {
    out[first + i * 4 + j] = x[j];
  }
}
