// stableMask: of the masks of each prompt the one to give, as its row among all of them (SAM 2: dynamic multimask via
// stability). The first mask, where it is stable: |logits > delta| / |logits > -delta| >= threshold, or no logit is
// above -delta. Else that of the others with the highest score, the first of equals; a NaN is the highest.
// masks: [rows, masks, places]; scores: [rows, masks]; y: [rows]. A workgroup or a thread a row: lib/reduce.wgsl.
// isNan: lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params { rows: u32, masks: u32, places: u32, delta: f32, threshold: f32 }

@group(0) @binding(0) var<storage, read> masks: array<Elem>;
@group(0) @binding(1) var<storage, read> scores: array<Elem>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

fn bestOfOthers(first: u32) -> u32 {
  var best = first + 1;
  var highest = f32(scores[best]);
  for (var i = first + 2; i < first + params.masks; i++) {
    let score = f32(scores[i]);
    if (!isNan(highest) && (score > highest || isNan(score))) {
      highest = score;
      best = i;
    }
  }
  return best;
}

@compute @workgroup_size(WG)
fn main(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = rowShare(workgroup, lane);
  let first = min(share.row, params.rows - 1) * params.masks;
  // Whole numbers, which f32 adds without rounding.
  var inside = 0.0;
  var near = 0.0;
  for (var i = share.first; i < params.places; i += share.stride) {
    let logit = f32(masks[first * params.places + i]);
    inside += select(0.0, 1.0, logit > params.delta);
    near += select(0.0, 1.0, logit > -params.delta);
  }
  inside = sumOverRow(inside, lane);
  near = sumOverRow(near, lane);
  let isStable = near == 0 || inside / max(near, 1.0) >= params.threshold;
  if ((lane == 0 || !ROW_PER_GROUP) && share.row < params.rows) {
    y[share.row] = i32(select(bestOfOthers(first), first, isStable));
  }
}
