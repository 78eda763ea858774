// A variant of layerNorm for GPUs, where rows are whole vec4s: bindings and params are in layerNorm.wgsl. Each vec4 is
// loaded once and stays in the registers of its thread. T threads a row, so that short rows leave none without work.

const T = 64u; // threads of a row, a power of 2 up to WG
const PER = 3u; // vec4s of a thread

@compute @workgroup_size(WG)
fn rowVectors(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let row = groupIndex(workgroup) * (WG / T) + lane / T;
  let words = params.cols / 4;
  let at = (params.start + min(row, params.rows - 1) * params.step) * words;
  let first = f32(x[at].x);
  var values: array<vec4<f32>, PER>;
  var sum = vec4<f32>();
  for (var i = 0u; i < PER; i++) {
    let c = lane % T + i * T;
    if (c < words) {
      values[i] = vec4<f32>(x[at + c]) - first;
      sum += values[i];
    }
  }
  let mean = reduce(SUM, dot(sum, vec4<f32>(1)), lane, T) / f32(params.cols);
  var squares = vec4<f32>();
  for (var i = 0u; i < PER; i++) {
    if (lane % T + i * T < words) {
      values[i] -= mean;
      squares += values[i] * values[i];
    }
  }
  let scale = inverseSqrt(reduce(SUM, dot(squares, vec4<f32>(1)), lane, T) / f32(params.cols) + params.eps);
  if (row < params.rows) {
    for (var i = 0u; i < PER; i++) {
      let c = lane % T + i * T;
      if (c < words) {
        let value = values[i] * scale * vec4<f32>(gamma[c]) + vec4<f32>(beta[c]);
        y[row * words + c] = vec4<Elem>(activate4(ACTIVATION, value));
      }
    }
  }
}
