// A loop of lib/product.wgsl: a tile of 64 x 64 of the result by 256 threads, whose subgroups multiply by the GPU's
// matrix units. For adapters with chromium-experimental-subgroup-matrix (dawn: docs/dawn/features/subgroup_matrix.md).

const UNIT_M = 8u; // what a matrix unit does at once: UNIT_M rows by UNIT_N columns of the result, UNIT_K terms of them
const UNIT_N = 8u;
const UNIT_K = 8u;
const LANES = 8u; // threads of a subgroup
const UNITS = 16 * LANES / (UNIT_M * UNIT_N); // parts of the tile that a subgroup sums, side by side
const BK = 32u; // terms of the sums that are in workgroup memory at once

alias Left = subgroup_matrix_left<Elem, UNIT_K, UNIT_M>;
alias Right = subgroup_matrix_right<Elem, UNIT_N, UNIT_K>;
alias Sum = subgroup_matrix_result<f32, UNIT_N, UNIT_M>;

var<workgroup> unitLeft: array<Elem, 64 * BK>; // [row][k]
var<workgroup> unitRight: array<Elem, BK * 64>; // [k][column]
var<workgroup> unitSums: array<f32, 4096 / UNITS>; // one part of each subgroup at a time

const LOADS = BK / 16; // vec4s of each operand that a thread loads a step

// The subgroups share out the parts. Where a part lies is uniform in a subgroup, which is all that its matrices need,
// but not in the workgroup, which is what the compiler looks at.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(256)
fn subgroupMatrixTile(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let tile = tileOf(workgroup, 64, 16);
  if (tile.row >= params.M) {
    return;
  }
  let subgroup = lane / LANES;
  let firstRow = subgroup * UNITS / (64 / UNIT_N) * UNIT_M; // of the subgroup's parts, in the tile
  let firstCol = subgroup * UNITS % (64 / UNIT_N) * UNIT_N;
  let rowLeft = lane / (BK / 4);
  let kLeft = lane % (BK / 4) * 4;
  let colRight = lane % 16;
  let column = rightColumn(tile.batch, tile.col4 + colRight);
  var rows: array<LeftRow, LOADS>;
  for (var i = 0u; i < LOADS; i++) {
    rows[i] = leftRow(tile.batch, tile.row + rowLeft + i * 64 / LOADS);
  }
  var sums: array<Sum, UNITS>;
  for (var k = 0u; k < params.K; k += BK) {
    for (var i = 0u; i < LOADS; i++) {
      var x = vec4<f32>();
      if (k + kLeft < params.K) {
        x = left4(rows[i], k + kLeft);
      }
      var y = vec4<f32>();
      let kRight = i * 16 + lane / 16;
      if (k + kRight < params.K) {
        y = right4(column + (k + kRight) * params.N4);
      }
      for (var j = 0u; j < 4; j++) {
        unitLeft[(rowLeft + i * 64 / LOADS) * BK + kLeft + j] = Elem(x[j]);
        unitRight[kRight * 64 + colRight * 4 + j] = Elem(y[j]);
      }
    }
    workgroupBarrier();
    for (var s = 0u; s < BK; s += UNIT_K) {
      let left = subgroupMatrixLoad<Left, row_major>(&unitLeft, firstRow * BK + s, BK);
      for (var u = 0u; u < UNITS; u++) {
        let right = subgroupMatrixLoad<Right, row_major>(&unitRight, s * 64 + firstCol + u * UNIT_N, 64);
        sums[u] = subgroupMatrixMultiplyAccumulate(left, right, sums[u]);
      }
    }
    workgroupBarrier();
  }
  let part = subgroup * UNIT_M * UNIT_N; // where unitSums has this subgroup's
  for (var u = 0u; u < UNITS; u++) {
    subgroupMatrixStore<row_major>(&unitSums, part, sums[u], UNIT_N);
    workgroupBarrier();
    for (var i = lane % LANES; i < UNIT_M * UNIT_N / 4; i += LANES) {
      let row = tile.row + firstRow + i / (UNIT_N / 4);
      let at = part + i * 4;
      if (row < params.M) {
        let sum = vec4<f32>(unitSums[at], unitSums[at + 1], unitSums[at + 2], unitSums[at + 3]);
        store(sum, tile, row, tile.col4 + (firstCol + u * UNIT_N) / 4 + i % (UNIT_N / 4));
      }
    }
    workgroupBarrier();
  }
}
