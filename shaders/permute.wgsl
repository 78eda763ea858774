// permute: the axes of x in another order. y is walked in row-major order over at most five axes (the host merges those
// that stay together); x has a stride along each of them. A thread writes four consecutive elements.
// WIDE: they are one word of x.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params {
  words: u32,
  size1: u32,
  size2: u32,
  size3: u32,
  size4: u32,
  stride0: u32,
  stride1: u32,
  stride2: u32,
  stride3: u32,
  stride4: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64;
override RANK: u32 = 5; // axes in use
override WIDE: bool = false;

// Index in x of element i of y. Divisions by sizes only known at run time are slow, so unused axes cost none.
fn source(i: u32) -> u32 {
  if (RANK == 1) {
    return i * params.stride4;
  }
  let i3 = i / params.size4;
  let at4 = (i - i3 * params.size4) * params.stride4;
  if (RANK == 2) {
    return at4 + i3 * params.stride3;
  }
  let i2 = i3 / params.size3;
  let at3 = at4 + (i3 - i2 * params.size3) * params.stride3;
  if (RANK == 3) {
    return at3 + i2 * params.stride2;
  }
  let i1 = i2 / params.size2;
  let at2 = at3 + (i2 - i1 * params.size2) * params.stride2;
  if (RANK == 4) {
    return at2 + i1 * params.stride1;
  }
  let i0 = i1 / params.size1;
  return at2 + (i1 - i0 * params.size1) * params.stride1 + i0 * params.stride0;
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
