// argmax: index of the largest element of each row, the first of equals; the first NaN where there is one.
// x: [rows, cols]; y: [rows]. Elements are compared by their rank (lib/rank.wgsl), so that NaN cannot be lost. A
// workgroup or a thread a row: lib/reduce.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params { rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> ranks: array<u32, WG>;
var<workgroup> indices: array<u32, WG>;

// The index of the highest rank of all threads, the lowest of equals.
fn bestOverGroup(index: u32, indexRank: u32, lane: u32) -> u32 {
  ranks[lane] = indexRank;
  indices[lane] = index;
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
  return indices[0];
}

@compute @workgroup_size(WG)
fn main(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = rowShare(workgroup, lane);
  let at = min(share.row, params.rows - 1) * params.cols;
  var best = min(share.first, params.cols - 1);
  var bestRank = rank(x[at + best]);
  for (var c = share.first + share.stride; c < params.cols; c += share.stride) {
    let next = rank(x[at + c]);
    if (next > bestRank) {
      bestRank = next;
      best = c;
    }
  }
  if (ROW_PER_GROUP) {
    best = bestOverGroup(best, bestRank, lane);
  }
  if ((lane == 0 || !ROW_PER_GROUP) && share.row < params.rows) {
    y[share.row] = i32(best);
  }
}
