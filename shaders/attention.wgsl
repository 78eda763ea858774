// attention: softmax(q · kᵀ * scale) · v for each head, with a running maximum and sum, so that scores are never stored.
// q: rows [batch, Tq], k and v: rows [batch, Tk]; a row holds heads side by side, H * D elements from an offset, with any
// stride between rows, so that a packed [q | k | v] is read in place. out: [batch, Tq, H * D]. Sums in f32.

alias Elem = f32; // f32 | f16
alias Word = vec4<Elem>; // vec4<Elem> where head size, offsets and strides are multiples of 4, else Elem
const WIDTH = 4u; // elements of a Word: 4 | 1
const D = 64u; // head size
const D4 = 16u; // vec4s of a head, rounded up
const KEYS = 16u; // keys of a tile in workgroup memory

struct Params {
  batch: u32,
  heads: u32,
  queries: u32,
  keys: u32,
  qOffset: u32,
  kOffset: u32,
  vOffset: u32,
  qStride: u32,
  kStride: u32,
  vStride: u32,
  scale: f32, // includes log2(e): weights are powers of 2
}

@group(0) @binding(0) var<storage, read> q: array<Word>;
@group(0) @binding(1) var<storage, read> k: array<Word>;
@group(0) @binding(2) var<storage, read> v: array<Word>;
@group(0) @binding(3) var<storage, read_write> out: array<Elem>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 8; // queries of a workgroup
override CAUSAL: bool = false;

const LOWEST = -3.4e38f;

fn loadQ(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(q[at / WIDTH + i]));
  }
  var value = vec4<f32>();
  for (var j = 0u; j < 4 && i * 4 + j < D; j++) {
    value[j] = f32(vec4<Elem>(q[at + i * 4 + j]).x);
  }
  return value;
}

fn loadK(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(k[at / WIDTH + i]));
  }
  var value = vec4<f32>();
  for (var j = 0u; j < 4 && i * 4 + j < D; j++) {
    value[j] = f32(vec4<Elem>(k[at + i * 4 + j]).x);
  }
  return value;
}

fn loadV(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(v[at / WIDTH + i]));
  }
  var value = vec4<f32>();
  for (var j = 0u; j < 4 && i * 4 + j < D; j++) {
    value[j] = f32(vec4<Elem>(v[at + i * 4 + j]).x);
  }
  return value;
}

fn storeOut(at: u32, i: u32, value: vec4<f32>) {
  for (var j = 0u; j < 4 && i * 4 + j < D; j++) {
    out[at + i * 4 + j] = Elem(value[j]);
  }
}

// Keys that a query may see: all, or those up to its own place counted from the end.
fn keysOf(query: u32) -> u32 {
  if (CAUSAL) {
    return min(params.keys, query + 1 + params.keys - params.queries);
  }
  return params.keys;
}

// One query a thread, four keys at a time, keys and values read from storage: right on CPU adapters.
// x: groups of queries, y: head, z: batch.
@compute @workgroup_size(WG)
fn queryPerThread(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = group.x * WG + lane;
  if (query >= params.queries) {
    return;
  }
  let head = group.y * D;
  let qAt = params.qOffset + (group.z * params.queries + query) * params.qStride + head;
  let kAt = params.kOffset + group.z * params.keys * params.kStride + head;
  let vAt = params.vOffset + group.z * params.keys * params.vStride + head;
  var mine: array<vec4<f32>, D4>;
  var sum: array<vec4<f32>, D4>;
  for (var i = 0u; i < D4; i++) {
    mine[i] = loadQ(qAt, i) * params.scale;
    sum[i] = vec4<f32>();
  }
  var largest = LOWEST;
  var total = 0.0;
  let count = keysOf(query);
  for (var key = 0u; key < count; key += 4) {
    let last = count - 1;
    let at = vec4u(key, min(key + 1, last), min(key + 2, last), min(key + 3, last));
    var score = vec4<f32>();
    for (var i = 0u; i < D4; i++) {
      score += vec4<f32>(
        dot(mine[i], loadK(kAt + at.x * params.kStride, i)),
        dot(mine[i], loadK(kAt + at.y * params.kStride, i)),
        dot(mine[i], loadK(kAt + at.z * params.kStride, i)),
        dot(mine[i], loadK(kAt + at.w * params.kStride, i)),
      );
    }
    // Beyond the last key: weight 0, without touching a NaN of a key that counts.
    score = select(vec4<f32>(LOWEST), score, vec4u(key, key + 1, key + 2, key + 3) <= vec4u(last));
    let next = max(largest, max(max(score.x, score.y), max(score.z, score.w)));
    let fade = exp2(largest - next);
    let weight = exp2(score - next);
    total = total * fade + dot(weight, vec4<f32>(1.0));
    largest = next;
    for (var i = 0u; i < D4; i++) {
      sum[i] = sum[i] * fade
        + weight.x * loadV(vAt + at.x * params.vStride, i)
        + weight.y * loadV(vAt + at.y * params.vStride, i)
        + weight.z * loadV(vAt + at.z * params.vStride, i)
        + weight.w * loadV(vAt + at.w * params.vStride, i);
    }
  }
  let outAt = ((group.z * params.queries + query) * params.heads + group.y) * D;
  for (var i = 0u; i < D4; i++) {
    storeOut(outAt, i, sum[i] / total);
  }
}

var<workgroup> tile: array<array<vec4<f32>, D4>, KEYS>; // keys, then the values of the same keys

// One query a thread, keys and values shared through workgroup memory, KEYS at a time: right on GPUs.
// x: groups of queries, y: head, z: batch.
@compute @workgroup_size(WG)
fn sharedKeys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = group.x * WG + lane;
  let row = min(query, params.queries - 1);
  let head = group.y * D;
  let qAt = params.qOffset + (group.z * params.queries + row) * params.qStride + head;
  let kAt = params.kOffset + group.z * params.keys * params.kStride + head;
  let vAt = params.vOffset + group.z * params.keys * params.vStride + head;
  var mine: array<vec4<f32>, D4>;
  var sum: array<vec4<f32>, D4>;
  for (var i = 0u; i < D4; i++) {
    mine[i] = loadQ(qAt, i) * params.scale;
  }
  var largest = LOWEST;
  var total = 0.0;
  let count = keysOf(row);
  for (var first = 0u; first < params.keys; first += KEYS) {
    let size = min(KEYS, params.keys - first);
    for (var i = lane; i < size * D4; i += WG) {
      tile[i / D4][i % D4] = loadK(kAt + (first + i / D4) * params.kStride, i % D4);
    }
    workgroupBarrier();
    var weight: array<f32, KEYS>;
    var next = largest;
    for (var key = 0u; key < KEYS; key++) {
      var score = LOWEST;
      if (first + key < count) {
        score = 0.0;
        for (var i = 0u; i < D4; i++) {
          score += dot(mine[i], tile[key][i]);
        }
      }
      weight[key] = score;
      next = max(next, score);
    }
    workgroupBarrier();
    for (var i = lane; i < size * D4; i += WG) {
      tile[i / D4][i % D4] = loadV(vAt + (first + i / D4) * params.vStride, i % D4);
    }
    workgroupBarrier();
    let fade = exp2(largest - next);
    total *= fade;
    for (var i = 0u; i < D4; i++) {
      sum[i] *= fade;
    }
    for (var key = 0u; key < size; key++) {
      if (first + key < count) {
        let w = exp2(weight[key] - next);
        total += w;
        for (var i = 0u; i < D4; i++) {
          sum[i] += w * tile[key][i];
        }
      }
    }
    largest = next;
    workgroupBarrier();
  }
  if (query < params.queries) {
    let outAt = ((group.z * params.queries + query) * params.heads + group.y) * D;
    for (var i = 0u; i < D4; i++) {
      storeOut(outAt, i, sum[i] / total);
    }
  }
}
