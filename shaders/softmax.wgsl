// softmax: y = exp(x - max) / sum(exp(x - max)) over the last axis. x, y: [rows, cols]. Sums in f32.
// A NaN, +infinity or nothing but -infinity in a row makes the whole row NaN. Uses lib/nan.wgsl and lib/reduce.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

// e^d; NaN stays NaN, also with drivers whose exp loses it.
fn weight(d: f32) -> f32 {
  return select(exp(d), d, isNan(d));
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
  var largest = f32(x[at]);
  for (var c = lane; c < params.cols; c += WG) {
    largest = max(largest, f32(x[at + c]));
  }
  largest = maxOverGroup(largest, lane);
  var sum = 0.0;
  for (var c = lane; c < params.cols; c += WG) {
    sum += weight(f32(x[at + c]) - largest);
  }
  sum = sumOverGroup(sum, lane);
  if (row < params.rows) {
    for (var c = lane; c < params.cols; c += WG) {
      y[at + c] = Elem(weight(f32(x[at + c]) - largest) / sum);
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
  var largest = f32(x[at]);
  for (var c = 1u; c < params.cols; c++) {
    largest = max(largest, f32(x[at + c]));
  }
  var sum = 0.0;
  for (var c = 0u; c < params.cols; c++) {
    sum += weight(f32(x[at + c]) - largest);
  }
  for (var c = 0u; c < params.cols; c++) {
    y[at + c] = Elem(weight(f32(x[at + c]) - largest) / sum);
  }
}
