// layerNorm element by element, for any row: a workgroup or a thread a row (lib/reduce.wgsl). Bindings and params are
// in layerNorm.wgsl.

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
