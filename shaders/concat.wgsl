// concat: y = [a | b] along one axis. Seen from that axis, a is [outer, aInner], b is [outer, bInner] and y is
// [outer, aInner + bInner]. A thread writes four consecutive elements. WIDE: they come from one input, as a whole word.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params {
  words: u32,
  aInner: u32,
  bInner: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 64;
override WIDE: bool = false;

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
  let inner = params.aInner + params.bInner;
  if (WIDE) {
    let row = word * 4 / inner;
    let at = word * 4 - row * inner;
    if (at < params.aInner) {
      y[word] = a[(row * params.aInner + at) / 4];
    } else {
      y[word] = b[(row * params.bInner + at - params.aInner) / 4];
    }
    return;
  }
  var value = vec4<Elem>();
  for (var e = 0u; e < 4; e++) {
    let row = (word * 4 + e) / inner;
    let at = word * 4 + e - row * inner;
    if (at < params.aInner) {
      let i = row * params.aInner + at;
      value[e] = a[i / 4][i % 4];
    } else {
      let i = row * params.bInner + at - params.aInner;
      value[e] = b[i / 4][i % 4];
    }
  }
  y[word] = value;
}
