// A loop of lib/product.wgsl: a tile of BM x BN of the result by 256 threads, TM x TN each, through 8 to 16 KiB of
// workgroup memory. For GPUs.

const TM = 4u; // rows a thread sums: 4 | 8
const TN = 4u; // columns a thread sums: 4 | 8
const BM = 16u * TM; // rows of a tile
const BN = 16u * TN; // columns of a tile
const BK = 16u; // terms of the sums that are in workgroup memory at once

// [k][row / 4]: transposed, so that both operands are vec4s.
var<workgroup> tileLeft: array<array<vec4<f32>, BM / 4>, BK>;
var<workgroup> tileRight: array<array<vec4<f32>, BN / 4>, BK>;

// A thread sums vec4s of rows, and of columns, that are 64 apart.
@compute @workgroup_size(16, 16)
fn sharedTile(
  workgroup: Workgroup,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(workgroup, BM, BN / 4);
  if (tile.row >= params.M) {
    return;
  }
  // Of each operand a thread loads one vec4 of 64 rows or columns a step: of the left along K, of the right along N.
  let kLeft = lane % 4 * 4;
  let kRight = lane / 16;
  var rows: array<LeftRow, BM / 64>;
  for (var m = 0u; m < BM / 64; m++) {
    rows[m] = leftRow(tile.batch, tile.row + m * 64 + lane / 4);
  }
  var columns: array<u32, BN / 64>;
  for (var n = 0u; n < BN / 64; n++) {
    columns[n] = rightColumn(tile.batch, tile.col4 + n * 16 + lane % 16);
  }
  var sums: array<array<vec4<f32>, TM>, TN / 4>;
  let terms = termsOf(tile);
  for (var k = terms.x; k < terms.y; k += BK) {
    for (var m = 0u; m < BM / 64; m++) {
      var x = vec4<f32>();
      if (k + kLeft < terms.y) {
        x = left4(rows[m], k + kLeft);
      }
      let row = m * 64 + lane / 4;
      for (var i = 0u; i < 4; i++) {
        tileLeft[kLeft + i][row / 4][row % 4] = x[i];
      }
    }
    for (var n = 0u; n < BN / 64; n++) {
      var y = vec4<f32>();
      if (k + kRight < terms.y) {
        y = right4(columns[n] + (k + kRight) * params.N4);
      }
      tileRight[kRight][n * 16 + lane % 16] = y;
    }
    workgroupBarrier();
    for (var i = 0u; i < BK; i++) {
      for (var n = 0u; n < BN / 64; n++) {
        let y = tileRight[i][n * 16 + local.x];
        for (var m = 0u; m < BM / 64; m++) {
          let x = tileLeft[i][m * 16 + local.y];
          sums[n][m * 4] += x.x * y;
          sums[n][m * 4 + 1] += x.y * y;
          sums[n][m * 4 + 2] += x.z * y;
          sums[n][m * 4 + 3] += x.w * y;
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < TM; i++) {
    let row = tile.row + i / 4 * 64 + local.y * 4 + i % 4;
    if (row < params.M) {
      for (var n = 0u; n < BN / 64; n++) {
        store(sums[n][i], tile, row, tile.col4 + n * 16 + local.x);
      }
    }
  }
}
