// l2Normalise: y = x / max(|x|, eps) over the last axis, |x| = sqrt(sum(x²)). x, y: [rows, cols]. Sums in f32.
// Uses lib/reduce.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  rows: u32,
  cols: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

// What to divide by; not by WGSL's max, which may lose a NaN.
fn divisor(squares: f32) -> f32 {
  let norm = sqrt(squares);
  return select(norm, params.eps, norm < params.eps);
}

// One workgroup a row: right on GPUs, where the threads of a row read neighbouring elements.
@compute @workgroup_size(WG)
fn rowPerGroup(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = min(row, params.rows - 1) * params.cols;
  var squares = 0.0;
  for (var c = lane; c < params.cols; c += WG) {
    let value = f32(x[at + c]);
    squares += value * value;
  }
  let norm = divisor(sumOverGroup(squares, lane));
  if (row < params.rows) {
    for (var c = lane; c < params.cols; c += WG) {
      y[at + c] = Elem(f32(x[at + c]) / norm);
    }
  }
}

// One thread a row: right on CPU adapters, where barriers are dear.
@compute @workgroup_size(WG)
fn rowPerThread(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * WG + lane;
  if (row >= params.rows) {
    return;
  }
  let at = row * params.cols;
  var squares = 0.0;
  for (var c = 0u; c < params.cols; c++) {
    let value = f32(x[at + c]);
    squares += value * value;
  }
  let norm = divisor(squares);
  for (var c = 0u; c < params.cols; c++) {
    y[at + c] = Elem(f32(x[at + c]) / norm);
  }
}
