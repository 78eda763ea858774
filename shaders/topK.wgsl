// topK: the k largest elements of each row, the largest first, and where they stood. Of equal elements the first comes
// first; NaN is larger than any number. x: [rows, cols]; values, indices: [rows, k]. Elements are compared by their
// rank: lib/rank.wgsl. An element is chosen before another one if its rank is higher, or equal and its index lower.
// Invocations: lib/invocation.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params { rows: u32, cols: u32, k: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> values: array<Elem>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

const NONE = 0xffffffffu; // the index of no element

// One thread an element, which counts those that are chosen before it, as their number is its place. It gives up at k.
@compute @workgroup_size(WG)
fn elementPerThread(thread: Invocation) {
  let element = flatIndex(thread);
  if (element >= params.rows * params.cols) {
    return;
  }
  let row = element / params.cols;
  let first = row * params.cols;
  let own = rank(x[element]);
  var before = 0u;
  for (var i = first; i < element && before < params.k; i++) {
    before += u32(rank(x[i]) >= own);
  }
  for (var i = element + 1; i < first + params.cols && before < params.k; i++) {
    before += u32(rank(x[i]) > own);
  }
  if (before < params.k) {
    values[row * params.k + before] = x[element];
    indices[row * params.k + before] = i32(element - first);
  }
}

// The next element to choose among every `step`-th one from `start` on, after the one that was chosen last.
fn nextOf(first: u32, start: u32, step: u32, lastRank: u32, last: u32) -> vec2u {
  var best = vec2u(0, NONE); // rank and index
  for (var c = start; c < params.cols; c += step) {
    let candidate = rank(x[first + c]);
    let isLeft = last == NONE || candidate < lastRank || (candidate == lastRank && c > last);
    if (isLeft && (best.y == NONE || candidate > best.x)) {
      best = vec2u(candidate, c);
    }
  }
  return best;
}

// One thread a row, which looks for the next element k times: for a few of them on CPU adapters.
@compute @workgroup_size(WG)
fn rowPerThread(thread: Invocation) {
  let row = flatIndex(thread);
  if (row >= params.rows) {
    return;
  }
  let first = row * params.cols;
  var last = vec2u(0, NONE);
  for (var i = 0u; i < params.k; i++) {
    last = nextOf(first, 0, 1, last.x, last.y);
    values[row * params.k + i] = x[first + last.y];
    indices[row * params.k + i] = i32(last.y);
  }
}

var<workgroup> bests: array<vec2u, WG>; // rank and index

// The same with a workgroup a row: for a few of them on GPUs.
@compute @workgroup_size(WG)
fn rowPerGroup(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let row = groupIndex(workgroup);
  let first = min(row, params.rows - 1) * params.cols;
  var last = vec2u(0, NONE);
  for (var i = 0u; i < params.k; i++) {
    bests[lane] = nextOf(first, lane, WG, last.x, last.y);
    workgroupBarrier();
    for (var half = WG / 2; half > 0; half /= 2) {
      if (lane < half) {
        let mine = bests[lane];
        let other = bests[lane + half];
        // NONE is the largest index and its rank the lowest: it loses to every element.
        if (other.x > mine.x || (other.x == mine.x && other.y < mine.y)) {
          bests[lane] = other;
        }
      }
      workgroupBarrier();
    }
    last = bests[0];
    if (lane == 0 && row < params.rows) {
      values[row * params.k + i] = x[first + last.y];
      indices[row * params.k + i] = i32(last.y);
    }
    workgroupBarrier();
  }
}

// The k-th highest rank is found byte by byte, from counts of the elements that begin with the same bytes (radix
// select); those above it and the first of those equal to it are then put in their order.

const MOST = 1024u; // chosen elements

var<workgroup> counts: array<atomic<u32>, 256>; // elements by their next byte
var<workgroup> chosen: array<vec2u, MOST>; // rank and index
var<workgroup> chosenCount: atomic<u32>;
var<workgroup> equals: array<u32, WG>; // elements of a thread with the k-th highest rank
var<workgroup> search: vec2u; // the bytes of that rank as far as they are known, and how many elements of it to choose

// The next byte of the k-th highest rank, from the top; `known` has the bytes before it.
fn nextByte(first: u32, shift: u32, known: vec2u, lane: u32) -> vec2u {
  for (var i = lane; i < 256; i += WG) {
    atomicStore(&counts[i], 0);
  }
  workgroupBarrier();
  for (var c = lane; c < params.cols; c += WG) {
    let own = rank(x[first + c]);
    if (shift == 24 || own >> (shift + 8) == known.x) {
      atomicAdd(&counts[(own >> shift) & 255], 1);
    }
  }
  workgroupBarrier();
  if (lane == 0) {
    var byte = 255u;
    var left = known.y;
    for (var count = atomicLoad(&counts[byte]); count < left && byte > 0; count = atomicLoad(&counts[byte])) {
      left -= count;
      byte--;
    }
    search = vec2u((known.x << 8) | byte, left);
  }
  return workgroupUniformLoad(&search);
}

// Many of them, or of many elements: a workgroup a row. CPU adapters have as many threads as run in one vector.
@compute @workgroup_size(WG)
fn selectPerGroup(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let row = groupIndex(workgroup);
  let first = min(row, params.rows - 1) * params.cols;
  var found = vec2u(0, params.k);
  for (var byte = 4u; byte > 0; byte--) {
    found = nextByte(first, 8 * (byte - 1), found, lane);
  }
  // A share of neighbouring elements, so that those that are equal are counted in their order.
  let share = (params.cols + WG - 1) / WG;
  let start = min(lane * share, params.cols);
  let end = min(start + share, params.cols);
  var own = 0u;
  for (var c = start; c < end; c++) {
    own += u32(rank(x[first + c]) == found.x);
  }
  equals[lane] = own;
  if (lane == 0) {
    atomicStore(&chosenCount, 0);
  }
  workgroupBarrier();
  var before = 0u;
  for (var other = 0u; other < lane; other++) {
    before += equals[other];
  }
  for (var c = start; c < end; c++) {
    let candidate = rank(x[first + c]);
    if (candidate > found.x || (candidate == found.x && before < found.y)) {
      chosen[atomicAdd(&chosenCount, 1)] = vec2u(candidate, c);
    }
    before += u32(candidate == found.x);
  }
  workgroupBarrier();
  for (var i = lane; i < params.k; i += WG) {
    let mine = chosen[i];
    var place = 0u;
    for (var j = 0u; j < params.k; j++) {
      let other = chosen[j];
      place += u32(other.x > mine.x || (other.x == mine.x && other.y < mine.y));
    }
    if (row < params.rows) {
      values[row * params.k + place] = x[first + mine.y];
      indices[row * params.k + place] = i32(mine.y);
    }
  }
}
