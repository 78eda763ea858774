// softmax: y = exp(x - max) / sum(exp(x - max)) over the last axis. x, y: [rows, cols]. Sums in f32.
// A NaN, +infinity or nothing but -infinity in a row makes the whole row NaN. A workgroup or a thread a row:
// lib/reduce.wgsl. isNan: lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params { rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

// e^d; NaN stays NaN, also with drivers whose exp loses it.
fn weight(d: f32) -> f32 {
  return select(exp(d), d, isNan(d));
}

@compute @workgroup_size(WG)
fn main(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = rowShare(workgroup, lane);
  let at = min(share.row, params.rows - 1) * params.cols;
  var largest = f32(x[at]);
  for (var c = share.first; c < params.cols; c += share.stride) {
    largest = max(largest, f32(x[at + c]));
  }
  largest = maxOverRow(largest, lane);
  var sum = 0.0;
  for (var c = share.first; c < params.cols; c += share.stride) {
    sum += weight(f32(x[at + c]) - largest);
  }
  sum = sumOverRow(sum, lane);
  if (share.row < params.rows) {
    for (var c = share.first; c < params.cols; c += share.stride) {
      y[at + c] = Elem(weight(f32(x[at + c]) - largest) / sum);
    }
  }
}
