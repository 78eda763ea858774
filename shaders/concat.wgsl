// concat: y = [a | b] along one axis. Seen from that axis, a is [outer, aInner], b is [outer, bInner] and y is
// [outer, aInner + bInner]. One word of y a thread: lib/words.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params { words: u32, aInner: u32, bInner: u32 }

@group(0) @binding(0) var<storage, read> a: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(3) var<uniform> params: Params;

// Element i of a; with WIDE the word that begins there.
fn aAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return a[i / 4];
  }
  return vec4<Elem>(a[i / 4][i % 4]);
}

// Element i of b; with WIDE the word that begins there.
fn bAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return b[i / 4];
  }
  return vec4<Elem>(b[i / 4][i % 4]);
}

fn valuesAt(i: u32) -> vec4<Elem> {
  let inner = params.aInner + params.bInner;
  let row = i / inner;
  let at = i - row * inner;
  if (at < params.aInner) {
    return aAt(row * params.aInner + at);
  }
  return bAt(row * params.bInner + at - params.aInner);
}
