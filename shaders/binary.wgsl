// binary: y = activate(a op b), element by element, with NumPy's broadcasting. The output is walked in row-major order
// over at most four axes (the host merges those it can); each input has a stride along each of them, 0 where it
// repeats. a: any shape; b: any shape; y: what both broadcast to. A thread writes one word of four elements. WIDE: it
// lies within one row, so its coordinates are found once. Activations: lib/activation.wgsl, lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  words: u32,
  size1: u32,
  size2: u32,
  size3: u32,
  a0: u32,
  a1: u32,
  a2: u32,
  a3: u32, // 1 | 0
  b0: u32,
  b1: u32,
  b2: u32,
  b3: u32, // 1 | 0
}

@group(0) @binding(0) var<storage, read> a: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(3) var<uniform> params: Params;

override OP: u32 = 0; // 0 add, 1 sub, 2 mul, 3 div
override ACTIVATION: u32 = 0;
override RANK: u32 = 4; // axes in use
override WIDE: bool = false;

// Coordinates of an element of y; divisions by sizes only known at run time are slow, so unused axes cost none.
fn coordinates(index: u32) -> vec4u {
  if (RANK == 1) {
    return vec4u(0, 0, 0, index);
  }
  let row = index / params.size3;
  let column = index - row * params.size3;
  if (RANK == 2) {
    return vec4u(0, 0, row, column);
  }
  let plane = row / params.size2;
  if (RANK == 3) {
    return vec4u(0, plane, row - plane * params.size2, column);
  }
  let outer = plane / params.size1;
  return vec4u(outer, plane - outer * params.size1, row - plane * params.size2, column);
}

fn indexA(at: vec4u) -> u32 {
  return dot(at, vec4u(params.a0, params.a1, params.a2, params.a3));
}

fn indexB(at: vec4u) -> u32 {
  return dot(at, vec4u(params.b0, params.b1, params.b2, params.b3));
}

fn loadA(index: u32) -> f32 {
  return f32(a[index / 4][index % 4]);
}

fn loadB(index: u32) -> f32 {
  return f32(b[index / 4][index % 4]);
}

fn combine(p: vec4<f32>, q: vec4<f32>) -> vec4<f32> {
  switch (OP) {
    case 0: {
      return p + q;
    }
    case 1: {
      return p - q;
    }
    case 2: {
      return p * q;
    }
    default: {
      return p / q;
    }
  }
}

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let word = flatIndex(thread);
  if (word >= params.words) {
    return;
  }
  var p = vec4<f32>();
  var q = vec4<f32>();
  if (WIDE) {
    let at = coordinates(word * 4);
    let i = indexA(at);
    let j = indexB(at);
    if (params.a3 == 1) {
      p = vec4<f32>(a[i / 4]);
    } else {
      p = vec4<f32>(loadA(i));
    }
    if (params.b3 == 1) {
      q = vec4<f32>(b[j / 4]);
    } else {
      q = vec4<f32>(loadB(j));
    }
  } else {
    for (var e = 0u; e < 4; e++) {
      let at = coordinates(word * 4 + e);
      p[e] = loadA(indexA(at));
      q[e] = loadB(indexB(at));
    }
  }
  let value = combine(p, q);
  y[word] = vec4<Elem>(activate4(ACTIVATION, value));
}
