// laneTile of matmul.wgsl, whose names it says; fromLane: lib/lanes.wgsl.

override WG: u32 = 8; // LANES
const ROWS = 16u; // rows of a laneTile
const LANES = 8u; // threads of its workgroup, which is one subgroup

// ROWS rows by one vec4 column a thread. The threads of a subgroup load LANES elements of each row at once and take
// them from each other: right on lavapipe, where a load is made lane by lane even when all lanes want one element.
// x: row groups of one batch, so that the columns of B are still in the cache for the next ones; y: column groups,
// z: batch.
@compute @workgroup_size(WG)
fn laneTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * ROWS;
  let first = group.z * params.M + row;
  let last = group.z * params.M + params.M - 1;
  let col = group.y * LANES + lane;
  let column = group.z * params.bStride + min(col, params.N4 - 1);
  var at: array<u32, ROWS>;
  var sums: array<vec4<f32>, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    at[r] = min(first + r, last) * params.K + lane;
    sums[r] = vec4<f32>();
  }
  for (var k = 0u; k < params.K; k += LANES) {
    var x: array<f32, ROWS>; // element k + lane of each row
    for (var r = 0u; r < ROWS; r++) {
      x[r] = elementOfA(at[r] + k);
    }
    let count = min(LANES, params.K - k);
    for (var j = 0u; j < count; j++) {
      let y = wordOfB(column + (k + j) * params.N4);
      for (var r = 0u; r < ROWS; r++) {
        sums[r] += fromLane(x[r], j) * y;
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    if (row + r < params.M) {
      store(sums[r], first + r, col, 0);
    }
  }
}
