// registerTile of matmul.wgsl, whose names it says. A file of its own, as only CPU adapters take it first.

override WG: u32 = 8; // threads, side by side along N

// Four rows by two vec4 columns a thread, all in registers: right on CPU adapters, where barriers are dear and where
// unrolling K by hand costs a second of compiling and gains nothing. Threads stand side by side along N.
// x: column groups, y: row groups of one batch, z: batch.
@compute @workgroup_size(WG)
fn registerTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * 4;
  let first = group.z * params.M + row;
  let last = group.z * params.M + params.M - 1;
  let a0 = first * params.K;
  let a1 = min(first + 1, last) * params.K;
  let a2 = min(first + 2, last) * params.K;
  let a3 = min(first + 3, last) * params.K;
  let col0 = group.x * WG * 2 + lane;
  let col1 = col0 + WG;
  let b0 = group.z * params.bStride + min(col0, params.N4 - 1);
  let b1 = group.z * params.bStride + min(col1, params.N4 - 1);
  var c00 = vec4<f32>();
  var c01 = vec4<f32>();
  var c10 = vec4<f32>();
  var c11 = vec4<f32>();
  var c20 = vec4<f32>();
  var c21 = vec4<f32>();
  var c30 = vec4<f32>();
  var c31 = vec4<f32>();
  for (var k = 0u; k < params.K; k++) {
    let x0 = elementOfA(a0 + k);
    let x1 = elementOfA(a1 + k);
    let x2 = elementOfA(a2 + k);
    let x3 = elementOfA(a3 + k);
    let y0 = wordOfB(b0 + k * params.N4);
    let y1 = wordOfB(b1 + k * params.N4);
    c00 += x0 * y0;
    c01 += x0 * y1;
    c10 += x1 * y0;
    c11 += x1 * y1;
    c20 += x2 * y0;
    c21 += x2 * y1;
    c30 += x3 * y0;
    c31 += x3 * y1;
  }
  let sums = array<vec4<f32>, 8>(c00, c01, c10, c11, c20, c21, c30, c31);
  for (var i = 0u; i < 8; i++) {
    if (row + i / 2 < params.M) {
      store(sums[i], first + i / 2, col0 + (i % 2) * WG, 0);
    }
  }
}
