// narrow: y = x[..., start : start + length, ...], places of one axis. Seen from that axis, x: [rows, xInner] and
// y: [rows, yInner], which begins at element start * stride of each row of x. One word of y a thread: lib/words.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params { words: u32, xInner: u32, yInner: u32, start: u32, stride: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

// Index in x of element i of y.
fn source(i: u32) -> u32 {
  let row = i / params.yInner;
  return row * params.xInner + params.start * params.stride + i - row * params.yInner;
}

fn valuesAt(i: u32) -> vec4<Elem> {
  let at = source(i);
  if (WIDE) {
    return x[at / 4];
  }
  return vec4<Elem>(x[at / 4][at % 4]);
}
