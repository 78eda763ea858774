// registerTile of conv2d.wgsl, whose names it says. A file of its own, as only CPU adapters take it first.

// Four windows by two vec4 columns a thread, all in registers: as matmul's registerTile, for CPU adapters.
// x: column groups, y and z: groups of windows.
@compute @workgroup_size(WG)
fn registerTile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.z * groups.y + group.y) * 4;
  let corner0 = cornerOf(row);
  let corner1 = cornerOf(row + 1);
  let corner2 = cornerOf(row + 2);
  let corner3 = cornerOf(row + 3);
  let col0 = group.x * WG * 2 + lane;
  let col1 = col0 + WG;
  var b0 = min(col0, params.N4 - 1);
  var b1 = min(col1, params.N4 - 1);
  var sums0 = mat4x4<f32>(); // a column a window
  var sums1 = mat4x4<f32>();
  for (var piece = 0u; piece < params.KH * params.runs; piece++) {
    let ky = piece / params.runs;
    let kx = piece % params.runs;
    let run0 = runOf(corner0, ky, kx);
    let run1 = runOf(corner1, ky, kx);
    let run2 = runOf(corner2, ky, kx);
    let run3 = runOf(corner3, ky, kx);
    for (var e = 0u; e < params.run; e++) {
      let u = vec4<f32>(elementOfRun(run0, e), elementOfRun(run1, e), elementOfRun(run2, e), elementOfRun(run3, e));
      let v0 = wordOfWeight(b0);
      let v1 = wordOfWeight(b1);
      sums0 += mat4x4<f32>(u.x * v0, u.y * v0, u.z * v0, u.w * v0);
      sums1 += mat4x4<f32>(u.x * v1, u.y * v1, u.z * v1, u.w * v1);
      b0 += params.N4;
      b1 += params.N4;
    }
  }
  for (var i = 0u; i < 4 && row + i < params.rows; i++) {
    store4(sums0[i], row + i, col0, 0);
    store4(sums1[i], row + i, col1, 0);
  }
}
