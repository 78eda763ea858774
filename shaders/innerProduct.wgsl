// innerProduct: y[q, n] = rows[n] · queries[:, q], in f32, for exact search; LOWEST where n is not among the first
// params.count rows, or not allowed. queries: [C, Q] f32, Q is 1 or whole vec4s; rows: [N, C] f32, f16 or int8, read 16
// bytes at a time, so that C fills whole ones; rowsScale: [N], by which rows of int8 are multiplied; allowed:
// [ceil(N / 32)], a bit a row, the lowest first; y: [Q, N]. f16 is unpacked as words, which adapters without shader-f16
// can. Invocations: lib/invocation.wgsl. fromInt8: lib/int8.wgsl.

const VECTORS = 1u; // vec4s of elements in 16 bytes of rows: 1 of f32, 2 of f16, 4 of int8
const QUERIES = 1u; // of a thread of rowPerThread and rowPerLanes: 1, 4 or 8

// No product of vectors of unit length comes near it.
const LOWEST = -3.4028234e38;

struct Params { Q: u32, N: u32, count: u32, C: u32 }

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rows: array<vec4u>;
@group(0) @binding(2) var<storage, read> rowsScale: array<f32>;
@group(0) @binding(3) var<storage, read> allowed: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

override HAS_ALLOWED: bool = false;

// The i-th four elements of 16 bytes.
fn elementsOf(word: vec4u, i: u32) -> vec4<f32> {
  if (VECTORS == 2) {
    return vec4<f32>(unpack2x16float(word[2 * i % 4]), unpack2x16float(word[(2 * i + 1) % 4]));
  }
  if (VECTORS == 4) {
    return fromInt8(vec4u(word[i]));
  }
  return bitcast<vec4<f32>>(word);
}

fn isAsked(row: u32) -> bool {
  return row < params.count && (!HAS_ALLOWED || ((allowed[row / 32] >> (row % 32)) & 1) == 1);
}

// Products with up to 8 queries, without an array: some compilers keep those in memory.
struct Sums {
  low: vec4<f32>,
  high: vec4<f32>,
}

// The c-th elements of four queries; those beyond the last are the last again.
fn queriesAt(c: u32, query4: u32) -> vec4<f32> {
  let Q4 = params.Q / 4;
  return queries[c * Q4 + min(query4, Q4 - 1)];
}

// Elements c to c + 3 of four queries, an element a column.
fn fourQueries(c: u32, query4: u32) -> mat4x4<f32> {
  return mat4x4<f32>(
    queriesAt(c, query4),
    queriesAt(c + 1, query4),
    queriesAt(c + 2, query4),
    queriesAt(c + 3, query4),
  );
}

// The sums and the products of 16 bytes `at` of a row with QUERIES queries from `first` on.
fn addProducts(sums: Sums, at: u32, row: u32, first: u32) -> Sums {
  var added = sums;
  let word = rows[row * (params.C / 4 / VECTORS) + at];
  for (var i = 0u; i < VECTORS; i++) {
    let elements = elementsOf(word, i);
    let c4 = at * VECTORS + i;
    if (QUERIES == 1) {
      added.low.x += dot(elements, queries[c4]);
    } else {
      added.low += fourQueries(4 * c4, first / 4) * elements;
    }
    if (QUERIES == 8) {
      added.high += fourQueries(4 * c4, first / 4 + 1) * elements;
    }
  }
  return added;
}

// Products of a row with `count` queries, at most 4, from `first` on; those beyond the last query are left out.
fn writeSome(row: u32, first: u32, sums: vec4<f32>, count: u32) {
  var scale = 1.0;
  if (VECTORS == 4) {
    scale = rowsScale[row];
  }
  let isIn = isAsked(row);
  for (var q = 0u; q < count && first + q < params.Q; q++) {
    y[(first + q) * params.N + row] = select(LOWEST, sums[q] * scale, isIn);
  }
}

fn write(row: u32, first: u32, sums: Sums) {
  writeSome(row, first, sums.low, min(QUERIES, 4));
  if (QUERIES == 8) {
    writeSome(row, first + 4, sums.high, 4);
  }
}

// What a workgroup does: so many rows from `row` on, with QUERIES queries from `first` on. The queries are the same for
// all of its threads, which compilers see: they are loaded once for all.
struct Share {
  row: u32,
  first: u32,
}

fn shareOf(workgroup: Workgroup, rowsOfGroup: u32) -> Share {
  let groups = (params.N + rowsOfGroup - 1) / rowsOfGroup;
  let index = groupIndex(workgroup);
  return Share(index % groups * rowsOfGroup, index / groups * QUERIES);
}

// A row and QUERIES queries a thread.
@compute @workgroup_size(WG)
fn rowPerThread(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let share = shareOf(workgroup, WG);
  let first = share.first;
  let row = share.row + lane;
  if (row >= params.N || first >= params.Q) {
    return;
  }
  var sums = Sums();
  if (isAsked(row)) {
    for (var at = 0u; at < params.C / 4 / VECTORS; at++) {
      sums = addProducts(sums, at, row, first);
    }
  }
  write(row, first, sums);
}

const LANES = 8u; // threads of a row: together they read 128 bytes

var<workgroup> partials: array<Sums, WG>;

// A row and QUERIES queries to LANES neighbouring threads, which read neighbours.
@compute @workgroup_size(WG)
fn rowPerLanes(workgroup: Workgroup, @builtin(local_invocation_index) thread: u32) {
  let share = shareOf(workgroup, WG / LANES);
  let first = share.first;
  let row = share.row + thread / LANES;
  let lane = thread % LANES;
  let isIn = row < params.N && first < params.Q;
  var sums = Sums();
  if (isIn && isAsked(row)) {
    for (var at = lane; at < params.C / 4 / VECTORS; at += LANES) {
      sums = addProducts(sums, at, row, first);
    }
  }
  partials[thread] = sums;
  workgroupBarrier();
  if (lane > 0 || !isIn) {
    return;
  }
  for (var other = 1u; other < LANES; other++) {
    sums = Sums(sums.low + partials[thread + other].low, sums.high + partials[thread + other].high);
  }
  write(row, first, sums);
}

const THREADS = 8u; // of a workgroup of queryPerThread, side by side along the queries

// Four rows and two times four queries a thread, as lib/productRegisterTile.wgsl has it: what is read of a row is the
// same for all threads, unpacked once for 64 queries. For CPU adapters, whose threads are the lanes of a vector.
@compute @workgroup_size(THREADS)
fn queryPerThread(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let groups = (params.N + 3) / 4;
  let index = groupIndex(workgroup);
  let row = index % groups * 4;
  let query0 = index / groups * 2 * THREADS + lane;
  let query1 = query0 + THREADS;
  if (query0 - lane >= params.Q / 4) {
    return;
  }
  let words = params.C / 4 / VECTORS;
  let row0 = row * words;
  let row1 = min(row + 1, params.N - 1) * words;
  let row2 = min(row + 2, params.N - 1) * words;
  let row3 = min(row + 3, params.N - 1) * words;
  var s00 = vec4<f32>();
  var s01 = vec4<f32>();
  var s10 = vec4<f32>();
  var s11 = vec4<f32>();
  var s20 = vec4<f32>();
  var s21 = vec4<f32>();
  var s30 = vec4<f32>();
  var s31 = vec4<f32>();
  for (var at = 0u; at < words; at++) {
    let word0 = rows[row0 + at];
    let word1 = rows[row1 + at];
    let word2 = rows[row2 + at];
    let word3 = rows[row3 + at];
    for (var i = 0u; i < VECTORS; i++) {
      let c = 4 * (at * VECTORS + i);
      let some0 = fourQueries(c, query0);
      let some1 = fourQueries(c, query1);
      let x0 = elementsOf(word0, i);
      let x1 = elementsOf(word1, i);
      let x2 = elementsOf(word2, i);
      let x3 = elementsOf(word3, i);
      s00 += some0 * x0;
      s01 += some1 * x0;
      s10 += some0 * x1;
      s11 += some1 * x1;
      s20 += some0 * x2;
      s21 += some1 * x2;
      s30 += some0 * x3;
      s31 += some1 * x3;
    }
  }
  let sums = array<vec4<f32>, 8>(s00, s01, s10, s11, s20, s21, s30, s31);
  for (var i = 0u; i < 8; i++) {
    if (row + i / 2 < params.N) {
      writeSome(row + i / 2, 4 * (query0 + i % 2 * THREADS), sums[i], 4);
    }
  }
}
