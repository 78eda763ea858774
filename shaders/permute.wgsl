// permute: y[i, j, …] = x[…], the axes of x in another order. y is walked in row-major order over at most five axes
// (the host merges those that stay together); x has a stride along each of them. One word of y a thread:
// lib/words.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params {
  words: u32,
  size1: u32, size2: u32, size3: u32, size4: u32,
  stride0: u32, stride1: u32, stride2: u32, stride3: u32, stride4: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

override RANK: u32 = 5; // axes in use

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

fn valuesAt(i: u32) -> vec4<Elem> {
  let at = source(i);
  if (WIDE) {
    return x[at / 4];
  }
  return vec4<Elem>(x[at / 4][at % 4]);
}
