// innerProduct: y[q, n] = queries[q] · rows[n], in f32, for exact search; LOWEST where n is not among the first
// params.count rows, or not allowed. queries: [Q, C] f32; rows: [N, C] f32, f16 or int8, read 16 bytes at a time, so
// that C fills whole ones; rowsScale: [N], by which rows of int8 are multiplied; allowed: [ceil(N / 32)], a bit a row,
// the lowest first; y: [Q, N]. f16 is unpacked as words, which adapters without shader-f16 can.
// Invocations: lib/invocation.wgsl. fromInt8: lib/int8.wgsl.

const ROW_TYPE = 0u; // of rows: 0 f32, 1 f16, 2 int8
const QUERIES = 1u; // of a thread: 1, 4 or 8

// vec4s of elements in 16 bytes.
const VECTORS = 1u << ROW_TYPE;
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
  if (ROW_TYPE == 1) {
    return vec4<f32>(unpack2x16float(word[2 * i % 4]), unpack2x16float(word[(2 * i + 1) % 4]));
  }
  if (ROW_TYPE == 2) {
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

// The `at`-th four elements of a query; those beyond the last are that again.
fn queryAt(query: u32, at: u32) -> vec4<f32> {
  return queries[min(query, params.Q - 1) * (params.C / 4) + at];
}

fn fourProducts(elements: vec4<f32>, query: u32, at: u32) -> vec4<f32> {
  return vec4<f32>(
    dot(elements, queryAt(query, at)),
    dot(elements, queryAt(query + 1, at)),
    dot(elements, queryAt(query + 2, at)),
    dot(elements, queryAt(query + 3, at)),
  );
}

// The sums and the products of 16 bytes `at` of a row with QUERIES queries from `first` on.
fn addProducts(sums: Sums, at: u32, row: u32, first: u32) -> Sums {
  var added = sums;
  let word = rows[row * (params.C / 4 / VECTORS) + at];
  for (var i = 0u; i < VECTORS; i++) {
    let elements = elementsOf(word, i);
    if (QUERIES == 1) {
      added.low.x += dot(elements, queryAt(first, at * VECTORS + i));
    } else {
      added.low += fourProducts(elements, first, at * VECTORS + i);
    }
    if (QUERIES == 8) {
      added.high += fourProducts(elements, first + 4, at * VECTORS + i);
    }
  }
  return added;
}

fn write(row: u32, first: u32, sums: Sums) {
  var scale = 1.0;
  if (ROW_TYPE == 2) {
    scale = rowsScale[row];
  }
  let isIn = isAsked(row);
  for (var q = 0u; q < QUERIES && first + q < params.Q; q++) {
    let sum = select(sums.low[q % 4], sums.high[q % 4], q > 3);
    y[(first + q) * params.N + row] = select(LOWEST, sum * scale, isIn);
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
