// matmul: c = outAct(act(a · b + bias) * scale + residual).
// a: [batch, M, K] row-major; b: [K, N4 * 4] packed K-major, padded with zeros to whole vec4s (or one such matrix a
// batch); int8 where bScale [N4 * 4], or [batch, N4 * 4], has the unit of each column;
// bias: [N], or [batch, N]; scale: [N]; residual: [batch * M, N], or [R, N] repeated down the rows; c: [batch, M, N].
// Sums in f32. With SPLITS > 1 each group in z sums one part of K and c holds the parts [SPLITS, M, N], for splitSum to
// add. Activations: lib/activation.wgsl; fromInt8: lib/int8.wgsl; registerTile and laneTile:
// lib/matmulRegisterTile.wgsl and lib/matmulLaneTile.wgsl, loaded where they are launched.

alias Elem = f32; // f32 | f16
alias AWord = vec4<Elem>; // vec4<Elem> where K is a multiple of 4, else Elem; registerTile and laneTile read Elem
const A_WIDTH = 4u; // elements of an AWord: 4 | 1
alias CWord = vec4<Elem>; // vec4<Elem> where N is a multiple of 4, else Elem
const C_WIDTH = 4u; // elements of a CWord: 4 | 1
alias BWord = vec4<Elem>; // u32 where b is int8
alias BLanes = vec4<Elem>; // vec4u where b is int8
const INT8 = false; // b is int8

struct Params {
  M: u32,
  N: u32,
  K: u32,
  N4: u32,
  bStride: u32, // vec4s from one batch's b to the next; 0 where all share one
  residualRows: u32,
  batch: u32,
  biasStride: u32, // elements from one batch's bias to the next; 0 where all share one
}

@group(0) @binding(0) var<storage, read> a: array<AWord>;
@group(0) @binding(1) var<storage, read> b: array<BWord>;
@group(0) @binding(2) var<storage, read> bias: array<CWord>;
@group(0) @binding(3) var<storage, read> scale: array<CWord>;
@group(0) @binding(4) var<storage, read> residual: array<CWord>;
@group(0) @binding(5) var<storage, read> bScale: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> c: array<Elem>;
@group(0) @binding(7) var<uniform> params: Params;

override ACTIVATION: u32 = 0;
override OUTPUT_ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;
override HAS_SCALE: bool = false;
override HAS_RESIDUAL: bool = false;
override SPLITS: u32 = 1;

// a[row, k .. k + 3]; what lies beyond K is 0.
fn loadA(row: u32, k: u32) -> vec4<f32> {
  let at = row * params.K + k;
  if (A_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(a[at / A_WIDTH]));
  }
  var value = vec4<f32>();
  for (var i = 0u; i < 4; i++) {
    if (k + i < params.K) {
      value[i] = f32(vec4<Elem>(a[at + i]).x);
    }
  }
  return value;
}

// A vec4 of b; of int8 without their unit.
fn wordOfB(at: u32) -> vec4<f32> {
  let lanes = BLanes(b[at]);
  if (INT8) {
    return fromInt8(vec4u(lanes));
  }
  return vec4<f32>(lanes);
}

// b[k, 4 * col4 .. 4 * col4 + 3]; rows beyond K are 0.
fn loadB(base: u32, k: u32, col4: u32) -> vec4<f32> {
  if (A_WIDTH == 1u && k >= params.K) {
    return vec4<f32>();
  }
  return wordOfB(base + k * params.N4 + col4);
}

// Four columns of bias, scale or residual from `at`, of which the first `count` are there.
fn biasAt(at: u32, count: u32) -> vec4<f32> {
  if (C_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(bias[at / C_WIDTH]));
  }
  var value = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    value[i] = f32(vec4<Elem>(bias[at + i]).x);
  }
  return value;
}

fn scaleAt(at: u32, count: u32) -> vec4<f32> {
  if (C_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(scale[at / C_WIDTH]));
  }
  var value = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    value[i] = f32(vec4<Elem>(scale[at + i]).x);
  }
  return value;
}

fn residualAt(at: u32, count: u32) -> vec4<f32> {
  if (C_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(residual[at / C_WIDTH]));
  }
  var value = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    value[i] = f32(vec4<Elem>(residual[at + i]).x);
  }
  return value;
}

fn store(sum: vec4<f32>, row: u32, col4: u32, part: u32) {
  let col = col4 * 4;
  if (row >= params.M * params.batch || col >= params.N) {
    return;
  }
  let count = min(4u, params.N - col);
  var y = sum;
  if (INT8) {
    y *= bScale[select(0u, row / params.M * params.N4, params.bStride > 0) + col4];
  }
  if (SPLITS == 1) {
    if (HAS_BIAS) {
      y += biasAt(row / params.M * params.biasStride + col, count);
    }
    y = activate4(ACTIVATION, y);
    if (HAS_SCALE) {
      y *= scaleAt(col, count);
    }
    if (HAS_RESIDUAL) {
      y += residualAt((row % params.residualRows) * params.N + col, count);
    }
    y = activate4(OUTPUT_ACTIVATION, y);
  }
  let at = (part * params.M * params.batch + row) * params.N + col;
  for (var i = 0u; i < count; i++) {
    c[at + i] = Elem(y[i]);
  }
}

// The part of K that split `part` sums, in whole vec4s.
fn range(part: u32) -> vec2u {
  let size = ((params.K + 4 * SPLITS - 1) / (4 * SPLITS)) * 4;
  return vec2u(part * size, min((part + 1) * size, params.K));
}

fn elementOfA(at: u32) -> f32 {
  return f32(vec4<Elem>(a[at / A_WIDTH])[at % A_WIDTH]);
}

const TALL = 1u; // vec4s of rows of c a thread of a sharedTile sums: 1 | 2
const WIDE = 1u; // and of columns
const DEPTH = 16u; // its step along K
// [k][row / 4]: transposed, so that both operands are vec4s.
var<workgroup> tileA: array<array<vec4<f32>, 16 * TALL>, DEPTH>;
var<workgroup> tileB: array<array<vec4<f32>, 16 * WIDE>, DEPTH>;

// A tile of 64 * TALL rows by 64 * WIDE columns of c by 256 threads, each of which sums vec4s 16 apart, through 8 to 16
// KiB of workgroup memory: right on GPUs.
// x: column tiles, y: row tiles of one batch, z: batch, or the part of K where SPLITS > 1.
@compute @workgroup_size(16, 16)
fn sharedTile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = select(0u, group.z, SPLITS > 1);
  let batch = select(group.z, 0u, SPLITS > 1);
  let span = range(part);
  let base = batch * params.bStride;
  let row = group.y * 64 * TALL;
  let col4 = group.x * 16 * WIDE;
  let kA = (lane % 4) * 4;
  var sum: array<array<vec4<f32>, 4 * TALL>, WIDE>;
  for (var k = span.x; k < span.y; k += DEPTH) {
    for (var t = 0u; t < TALL; t++) {
      let rowA = t * 64 + lane / 4;
      var x = vec4<f32>();
      if (k + kA < span.y) {
        x = loadA(batch * params.M + min(row + rowA, params.M - 1), k + kA);
      }
      for (var i = 0u; i < 4; i++) {
        tileA[kA + i][rowA / 4][rowA % 4] = x[i];
      }
    }
    let kB = lane / 16;
    for (var w = 0u; w < WIDE; w++) {
      var y = vec4<f32>();
      if (k + kB < span.y) {
        y = loadB(base, k + kB, min(col4 + w * 16 + lane % 16, params.N4 - 1));
      }
      tileB[kB][w * 16 + lane % 16] = y;
    }
    workgroupBarrier();
    for (var i = 0u; i < DEPTH; i++) {
      for (var w = 0u; w < WIDE; w++) {
        let v = tileB[i][w * 16 + local.x];
        for (var t = 0u; t < TALL; t++) {
          let u = tileA[i][t * 16 + local.y];
          sum[w][t * 4] += u.x * v;
          sum[w][t * 4 + 1] += u.y * v;
          sum[w][t * 4 + 2] += u.z * v;
          sum[w][t * 4 + 3] += u.w * v;
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4 * TALL; i++) {
    let rowC = row + i / 4 * 64 + local.y * 4 + i % 4;
    if (rowC < params.M) {
      for (var w = 0u; w < WIDE; w++) {
        store(sum[w][i], batch * params.M + rowC, col4 + w * 16 + local.x, part);
      }
    }
  }
}

var<workgroup> rowParts: array<array<vec4<f32>, 16>, 16>; // [slice of K][column / 4]

// Few rows: 16 vec4 columns of one row a workgroup, each summed by 16 threads that share out K.
// x: column groups, y: row, z: batch.
@compute @workgroup_size(16, 16)
fn singleRow(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row = group.z * params.M + group.y;
  let col4 = group.x * 16 + local.x;
  let n = min(col4, params.N4 - 1);
  let base = group.z * params.bStride;
  var sum = vec4<f32>();
  for (var k = local.y * 4; k < params.K; k += 64) {
    let x = loadA(row, k);
    for (var i = 0u; i < 4; i++) {
      sum += x[i] * loadB(base, k + i, n);
    }
  }
  rowParts[local.y][local.x] = sum;
  workgroupBarrier();
  if (local.y == 0) {
    for (var i = 1u; i < 16; i++) {
      sum += rowParts[i][local.x];
    }
    store(sum, row, col4, 0);
  }
}
