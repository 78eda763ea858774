// layerNorm: y = act((x - mean) / sqrt(variance + eps) * gamma + beta) over the last axis.
// x, y: [rows, cols]; gamma, beta: [cols]. Two passes in f32, as E[x²] - mean² cancels; the mean is kept as
// a difference from the row's first element, so that a large common offset costs no digits. Activations:
// lib/activation.wgsl, lib/nan.wgsl; sumOverGroup: lib/reduce.wgsl; rowPerLane: lib/layerNormLanes.wgsl, loaded where
// it is launched.
// `row` reads row `start + i * step` of x for row i of y, so that one token of many can be picked without a copy.

alias Elem = f32; // f32 | f16

struct Params {
  rows: u32,
  cols: u32,
  start: u32,
  step: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> gamma: array<Elem>;
@group(0) @binding(2) var<storage, read> beta: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<uniform> params: Params;

override ACTIVATION: u32 = 0;
// One workgroup a row: right on GPUs, where the threads of a row read neighbouring elements.
@compute @workgroup_size(WG)
fn rowPerGroup(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = (params.start + min(row, params.rows - 1) * params.step) * params.cols;
  let first = f32(x[at]);
  var sum = 0.0;
  for (var c = lane; c < params.cols; c += WG) {
    sum += f32(x[at + c]) - first;
  }
  let mean = sumOverGroup(sum, lane) / f32(params.cols);
  var squares = 0.0;
  for (var c = lane; c < params.cols; c += WG) {
    let d = f32(x[at + c]) - first - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(sumOverGroup(squares, lane) / f32(params.cols) + params.eps);
  if (row < params.rows) {
    for (var c = lane; c < params.cols; c += WG) {
      let value = (f32(x[at + c]) - first - mean) * scale * f32(gamma[c]) + f32(beta[c]);
      y[row * params.cols + c] = Elem(activate(ACTIVATION, value));
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
  let at = (params.start + row * params.step) * params.cols;
  let first = f32(x[at]);
  var sum = 0.0;
  for (var c = 0u; c < params.cols; c++) {
    sum += f32(x[at + c]) - first;
  }
  let mean = sum / f32(params.cols);
  var squares = 0.0;
  for (var c = 0u; c < params.cols; c++) {
    let d = f32(x[at + c]) - first - mean;
    squares += d * d;
  }
  let scale = inverseSqrt(squares / f32(params.cols) + params.eps);
  for (var c = 0u; c < params.cols; c++) {
    let value = (f32(x[at + c]) - first - mean) * scale * f32(gamma[c]) + f32(beta[c]);
    y[row * params.cols + c] = Elem(activate(ACTIVATION, value));
  }
}
