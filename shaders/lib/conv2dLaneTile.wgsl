// laneTile of conv2d.wgsl, whose names it says; fromLane: lib/lanes.wgsl.

const ROWS = 16u; // windows of a laneTile
const LANES = 8u; // threads of its workgroup, which is one subgroup

// ROWS windows by one vec4 column a thread; the threads of a subgroup load LANES elements of each window at once and
// take them from each other: as matmul's laneTile, for lavapipe. x: column groups, y and z: groups of windows.
@compute @workgroup_size(WG)
fn laneTile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.z * groups.y + group.y) * ROWS;
  let col = group.x * LANES + lane;
  var corners: array<vec3u, ROWS>;
  var sums: array<vec4<f32>, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    corners[r] = cornerOf(row + r);
    sums[r] = vec4<f32>();
  }
  var b = min(col, params.N4 - 1);
  for (var piece = 0u; piece < params.KH * params.runs; piece++) {
    var runs: array<vec2u, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      runs[r] = runOf(corners[r], piece / params.runs, piece % params.runs);
    }
    for (var e = 0u; e < params.run; e += LANES) {
      var u: array<f32, ROWS>; // element e + lane of each run
      for (var r = 0u; r < ROWS; r++) {
        u[r] = elementOfRun(runs[r], e + lane);
      }
      let count = min(LANES, params.run - e);
      for (var j = 0u; j < count; j++) {
        let v = wordOfWeight(b);
        for (var r = 0u; r < ROWS; r++) {
          sums[r] += fromLane(u[r], j) * v;
        }
        b += params.N4;
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    if (row + r < params.rows) {
      store4(sums[r], row + r, col, 0);
    }
  }
}
