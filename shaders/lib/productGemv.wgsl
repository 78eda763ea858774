// A loop of lib/product.wgsl for few rows (a matrix times a vector, gemv in BLAS): 16 vec4 columns of one row of the
// result a workgroup, each summed by 16 threads that share out K.

var<workgroup> partialSums: array<array<vec4<f32>, 16>, 16>; // [slice of K][column / 4]

@compute @workgroup_size(16, 16)
fn gemv(workgroup: Workgroup, @builtin(local_invocation_id) local: vec3u) {
  let tile = tileOf(workgroup, 1, 16);
  if (tile.row >= params.M) {
    return;
  }
  let row = leftRow(tile.batch, tile.row);
  let col4 = tile.col4 + local.x;
  let column = rightColumn(tile.batch, col4);
  var sum = vec4<f32>();
  for (var k = local.y * 4; k < params.K; k += 64) {
    let x = left4(row, k);
    for (var i = 0u; i < 4; i++) {
      if (LEFT_WIDTH == 4u || k + i < params.K) {
        sum += x[i] * right4(column + (k + i) * params.N4);
      }
    }
  }
  partialSums[local.y][local.x] = sum;
  workgroupBarrier();
  if (local.y == 0) {
    for (var i = 1u; i < 16; i++) {
      sum += partialSums[i][local.x];
    }
    store(sum, tile, tile.row, col4);
  }
}
