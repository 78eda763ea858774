// matrixTile of matmul.wgsl, whose names it says. A file of its own, as few adapters take it: those with matrix units,
// by chromium-experimental-subgroup-matrix (dawn: docs/dawn/features/subgroup_matrix.md).

const UNIT_M = 8u; // what a matrix unit does at once: UNIT_M rows by UNIT_N columns of c, UNIT_K of their sums
const UNIT_N = 8u;
const UNIT_K = 8u;
const LANES = 8u; // threads of a subgroup
const UNITS = 16 * LANES / (UNIT_M * UNIT_N); // parts of the tile that a subgroup sums, side by side
const STEP = 32u; // along K

alias Left = subgroup_matrix_left<Elem, UNIT_K, UNIT_M>;
alias Right = subgroup_matrix_right<Elem, UNIT_N, UNIT_K>;
alias Sum = subgroup_matrix_result<f32, UNIT_N, UNIT_M>;

var<workgroup> unitA: array<Elem, 64 * STEP>; // [row][k]
var<workgroup> unitB: array<Elem, STEP * 64>; // [k][column]
var<workgroup> unitC: array<f32, 4096 / UNITS>; // a part for each subgroup

// A tile of 64 rows by 64 columns of c by 256 threads: its subgroups share out the parts. Where a part lies is uniform
// in a subgroup, which is all that its matrices need, but not in the workgroup, which is what the compiler looks at.
// x: column tiles, y: row tiles of one batch, z: batch.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(256)
fn matrixTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let base = group.z * params.bStride;
  let row = group.y * 64;
  let col4 = group.x * 16;
  let subgroup = lane / LANES;
  let rowOfParts = subgroup * UNITS / (64 / UNIT_N) * UNIT_M;
  let colOfParts = subgroup * UNITS % (64 / UNIT_N) * UNIT_N;
  var sum: array<Sum, UNITS>;
  for (var k = 0u; k < params.K; k += STEP) {
    for (var i = lane; i < 16 * STEP; i += 256) {
      let rowA = i / (STEP / 4);
      let kA = i % (STEP / 4) * 4;
      var x = vec4<f32>();
      if (k + kA < params.K) {
        x = loadA(group.z * params.M + min(row + rowA, params.M - 1), k + kA);
      }
      for (var j = 0u; j < 4; j++) {
        unitA[rowA * STEP + kA + j] = Elem(x[j]);
      }
    }
    for (var i = lane; i < 16 * STEP; i += 256) {
      let kB = i / 16;
      var x = vec4<f32>();
      if (k + kB < params.K) {
        x = loadB(base, k + kB, min(col4 + i % 16, params.N4 - 1));
      }
      for (var j = 0u; j < 4; j++) {
        unitB[kB * 64 + i % 16 * 4 + j] = Elem(x[j]);
      }
    }
    workgroupBarrier();
    for (var s = 0u; s < STEP; s += UNIT_K) {
      let left = subgroupMatrixLoad<Left, row_major>(&unitA, rowOfParts * STEP + s, STEP);
      for (var u = 0u; u < UNITS; u++) {
        let right = subgroupMatrixLoad<Right, row_major>(&unitB, s * 64 + colOfParts + u * UNIT_N, 64);
        sum[u] = subgroupMatrixMultiplyAccumulate(left, right, sum[u]);
      }
    }
    workgroupBarrier();
  }
  let part = subgroup * UNIT_M * UNIT_N;
  for (var u = 0u; u < UNITS; u++) {
    subgroupMatrixStore<row_major>(&unitC, part, sum[u], UNIT_N);
    workgroupBarrier();
    for (var i = lane % LANES; i < UNIT_M * UNIT_N / 4; i += LANES) {
      let rowC = row + rowOfParts + i / (UNIT_N / 4);
      let at = part + i * 4;
      if (rowC < params.M) {
        let y = vec4<f32>(unitC[at], unitC[at + 1], unitC[at + 2], unitC[at + 3]);
        store(y, group.z * params.M + rowC, col4 + (colOfParts + u * UNIT_N) / 4 + i % (UNIT_N / 4), 0);
      }
    }
    workgroupBarrier();
  }
}
