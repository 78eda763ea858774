// l2Normalize: y = x / max(|x|, eps) over the last axis, |x| = sqrt(sum(x²)). x, y: [rows, cols]. Sums in f32.
// A workgroup or a thread a row: lib/reduce.wgsl.

alias Elem = f32; // f32 | f16

struct Params { rows: u32, cols: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = rowShare(workgroup, lane);
  let at = min(share.row, params.rows - 1) * params.cols;
  var squares = 0.0;
  for (var c = share.first; c < params.cols; c += share.stride) {
    let value = f32(x[at + c]);
    squares += value * value;
  }
  let norm = sqrt(sumOverRow(squares, lane));
  let divisor = select(norm, params.eps, norm < params.eps); // not by WGSL's max, which may lose a NaN
  if (share.row < params.rows) {
    for (var c = share.first; c < params.cols; c += share.stride) {
      y[at + c] = Elem(f32(x[at + c]) / divisor);
    }
  }
}
