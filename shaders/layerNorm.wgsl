// layerNorm: y = act((x - mean) / sqrt(variance + eps) * gamma + beta) over the last axis.
// x: [xRows, cols]; gamma, beta: [cols]; y: [rows, cols]. Row i of y is made of row start + i * step of x, so that one
// token of many can be picked without a copy. Two passes in f32, as E[x²] - mean² cancels; the mean is kept as a
// difference from the row's first element, so that a large common offset costs no digits. A workgroup or a thread a
// row: lib/reduce.wgsl; a third variant, for subgroups: lib/layerNormLanes.wgsl. Activations: lib/activation.wgsl.

alias Elem = f32; // f32 | f16

struct Params { rows: u32, cols: u32, start: u32, step: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> gamma: array<Elem>;
@group(0) @binding(2) var<storage, read> beta: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<uniform> params: Params;

override ACTIVATION: u32 = 0;

@compute @workgroup_size(WG)
fn main(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = rowShare(workgroup, lane);
  let at = (params.start + min(share.row, params.rows - 1) * params.step) * params.cols;
  let first = f32(x[at]);
  var sum = 0.0;
  for (var c = share.first; c < params.cols; c += share.stride) {
    sum += f32(x[at + c]) - first;
  }
  let mean = sumOverRow(sum, lane) / f32(params.cols);
  var squares = 0.0;
  for (var c = share.first; c < params.cols; c += share.stride) {
    let d = f32(x[at + c]) - first - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(sumOverRow(squares, lane) / f32(params.cols) + params.eps);
  if (share.row < params.rows) {
    for (var c = share.first; c < params.cols; c += share.stride) {
      let value = (f32(x[at + c]) - first - mean) * scale * f32(gamma[c]) + f32(beta[c]);
      y[share.row * params.cols + c] = Elem(activate(ACTIVATION, value));
    }
  }
}
