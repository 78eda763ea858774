// unfold: cuts x [B, H, W, C] into patches: y [B, rows * cols, C * P * P], a patch in the order (channel, row, column)
// of a convolution's weight, so that patch embedding is a matmul. What is left over at the right and bottom is dropped.
// One element of y a thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params { count: u32, H: u32, W: u32, rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

override P: u32 = 16; // side of a patch; constants, as dividing by them is cheap
override C: u32 = 3;

fn compute(i: u32) {
  let column = i % P;
  let row = (i / P) % P;
  let channel = (i / (P * P)) % C;
  let place = i / (P * P * C);
  let across = place % params.cols;
  let down = (place / params.cols) % params.rows;
  let image = place / (params.cols * params.rows);
  y[i] = x[((image * params.H + down * P + row) * params.W + across * P + column) * C + channel];
}
