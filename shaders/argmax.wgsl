// argmax: index of the largest element of each row, the first of equals; the first NaN where there is one.
// x: [rows, cols]; y: [rows]. Elements are compared by their rank: lib/rank.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64; // threads of a workgroup: those of one row, or one row each

var<workgroup> ranks: array<u32, WG>;
var<workgroup> indices: array<u32, WG>;

// One workgroup a row: right on GPUs, where the threads of a row read neighbouring elements.
@compute @workgroup_size(WG)
fn rowPerGroup(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = min(row, params.rows - 1) * params.cols;
  var best = min(lane, params.cols - 1);
  var bestRank = rank(x[at + best]);
  for (var c = lane + WG; c < params.cols; c += WG) {
    let next = rank(x[at + c]);
    if (next > bestRank) {
      bestRank = next;
      best = c;
    }
  }
  ranks[lane] = bestRank;
  indices[lane] = best;
  workgroupBarrier();
  for (var half = WG / 2; half > 0; half /= 2) {
    if (lane < half) {
      let other = lane + half;
      let isFirst = ranks[other] == ranks[lane] && indices[other] < indices[lane];
      if (ranks[other] > ranks[lane] || isFirst) {
        ranks[lane] = ranks[other];
        indices[lane] = indices[other];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0 && row < params.rows) {
    y[row] = i32(indices[0]);
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
  var best = 0u;
  var bestRank = rank(x[at]);
  for (var c = 1u; c < params.cols; c++) {
    let next = rank(x[at + c]);
    if (next > bestRank) {
      bestRank = next;
      best = c;
    }
  }
  y[row] = i32(best);
}
