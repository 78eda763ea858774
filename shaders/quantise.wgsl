// quantise: y = round(x / scale) as int8 from -127 to 127, ties to even; 0 where the scale is 0.
// x: [batch, rows, cols]; scale: [batch, cols], or [batch, rows]; y: the same elements, four of them a word, the lowest
// byte first. One word of y a thread.

alias Elem = f32; // f32 | f16

struct Params {
  n: u32, // elements
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

override BY_ROW: bool = false; // a scale a row, else a column

fn scaleAt(i: u32) -> f32 {
  let row = i / params.cols;
  if (BY_ROW) {
    return scale[row];
  }
  return scale[row / params.rows * params.cols + i % params.cols];
}

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let word = flatIndex(thread);
  if (word * 4 >= params.n) {
    return;
  }
  var bytes = 0u;
  for (var e = 0u; e < 4; e++) {
    let i = word * 4 + e;
    if (i < params.n) {
      let scaleOfI = scaleAt(i);
      let level = select(0.0, round(f32(x[i]) / scaleOfI), scaleOfI > 0.0);
      bytes |= (bitcast<u32>(i32(clamp(level, -127.0, 127.0))) & 0xff) << (8 * e);
    }
  }
  y[word] = bytes;
}
