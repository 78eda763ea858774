// A variant of layerNorm for lavapipe, where each load counts: bindings and params are in layerNorm.wgsl. One thread a
// row, in one pass for both moments; gamma and beta are loaded LANES elements at once, and the threads of a subgroup
// take them from each other (fromLane: lib/lanes.wgsl).

const LANES = 8u; // threads of a workgroup, which is one subgroup: WG

// Number and mean of some elements, and the sum of the squares of their differences from the mean.
struct Moments {
  count: f32,
  mean: f32,
  squares: f32,
}

// The moments of two sets together (Chan, Golub and LeVeque 1983).
fn merge(a: Moments, b: Moments) -> Moments {
  let count = a.count + b.count;
  let share = b.count / count;
  let d = b.mean - a.mean;
  return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share);
}

@compute @workgroup_size(WG)
fn rowPerLane(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let row = groupIndex(workgroup) * LANES + lane;
  let at = (params.start + min(row, params.rows - 1) * params.step) * params.cols;
  let first = f32(x[at]);
  let whole = params.cols / 4 * 4;
  var moments = Moments();
  for (var c = 0u; c < whole; c += 4) {
    let four = vec4<f32>(f32(x[at + c]), f32(x[at + c + 1]), f32(x[at + c + 2]), f32(x[at + c + 3])) - first;
    let mean = dot(four, vec4<f32>(0.25));
    let d = four - mean;
    moments = merge(moments, Moments(4.0, mean, dot(d, d)));
  }
  for (var c = whole; c < params.cols; c++) {
    moments = merge(moments, Moments(1.0, f32(x[at + c]) - first, 0.0));
  }
  let scale = inverseSqrt(moments.squares / f32(params.cols) + params.eps);
  for (var c = 0u; c < params.cols; c += LANES) {
    let column = min(c + lane, params.cols - 1);
    let g = f32(gamma[column]);
    let b = f32(beta[column]);
    for (var j = 0u; j < min(LANES, params.cols - c); j++) {
      let value = (f32(x[at + c + j]) - first - moments.mean) * scale * fromLane(g, j) + fromLane(b, j);
      if (row < params.rows) {
        y[row * params.cols + c + j] = Elem(activate(ACTIVATION, value));
      }
    }
  }
}
