// narrow: `length` places of one axis, from `start` on. Seen from that axis, x is rows of xInner elements and y is rows
// of yInner elements that begin at element start * stride of x's. A thread writes four consecutive elements.
// WIDE: they are one word of x.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params {
  words: u32,
  xInner: u32,
  yInner: u32,
  start: u32,
  stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64;
override WIDE: bool = false;

// Index in x of element i of y.
fn source(i: u32) -> u32 {
  let row = i / params.yInner;
  return row * params.xInner + params.start * params.stride + i - row * params.yInner;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let word = (group.y * groups.x + group.x) * WG + lane;
  if (word >= params.words) {
    return;
  }
  if (WIDE) {
    y[word] = x[source(word * 4) / 4];
    return;
  }
  var value = vec4<Elem>();
  for (var e = 0u; e < 4; e++) {
    let i = source(word * 4 + e);
    value[e] = x[i / 4][i % 4];
  }
  y[word] = value;
}
