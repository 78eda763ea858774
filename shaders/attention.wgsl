// attention: softmax(q · kᵀ * scale) · v for each head, with a running maximum and sum, so that scores are never
// stored.
// q: rows [batch, Tq], k and v: rows [batch, Tk]; a row holds heads side by side, H * D elements from an offset, with
// any stride between rows, so that a packed [q | k | v] is read in place. out: [batch, Tq, H * D]. Sums in f32.

alias Elem = f32; // f32 | f16
alias Word = vec4<Elem>; // vec4<Elem> where head size, offsets and strides are multiples of 4, else Elem
const WIDTH = 4u; // elements of a Word: 4 | 1
const D = 64u; // head size
const D4 = 16u; // vec4s of a head, rounded up
const KEYS = 16u; // keys of a tile in workgroup memory; a multiple of 4

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
  headSize: u32, // D, where a loop must not be unrolled
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

// Some drivers' exp2 gives a number for NaN.
fn weigh(x: vec4<f32>) -> vec4<f32> {
  return select(exp2(x), x, isNan4(x));
}

// Elements of four rows.
fn elementsOfQ(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(scalar(q[at.x])), f32(scalar(q[at.y])), f32(scalar(q[at.z])), f32(scalar(q[at.w])));
}

fn elementsOfK(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(scalar(k[at.x])), f32(scalar(k[at.y])), f32(scalar(k[at.z])), f32(scalar(k[at.w])));
}

fn elementsOfV(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(scalar(v[at.x])), f32(scalar(v[at.y])), f32(scalar(v[at.z])), f32(scalar(v[at.w])));
}

fn scalar(word: Word) -> Elem {
  return vec4<Elem>(word).x;
}

override SUMS: u32 = WG * D;
var<workgroup> sums: array<vec4<f32>, SUMS>; // [channel][thread]: its own column each, so no barrier is needed

// Four queries by eight keys a thread: few loads a product and small code, which is right on CPU adapters (a loop
// over a constant head size is unrolled, which costs their compilers 20 s). Reads single elements (WIDTH 1). x: groups
// of 4 * WG queries, y: head, z: batch.
@compute @workgroup_size(WG)
fn registerTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = (group.x * WG + lane) * 4;
  let queries = min(vec4u(query, query + 1, query + 2, query + 3), vec4u(params.queries - 1));
  let head = group.y * params.headSize;
  let qAt = params.qOffset + head + (group.z * params.queries + queries) * params.qStride;
  let kAt = params.kOffset + head + group.z * params.keys * params.kStride;
  let vAt = params.vOffset + head + group.z * params.keys * params.vStride;
  let counts = vec4u(keysOf(queries.x), keysOf(queries.y), keysOf(queries.z), keysOf(queries.w));
  for (var d = 0u; d < params.headSize; d++) {
    sums[d * WG + lane] = vec4<f32>();
  }
  var largest = vec4<f32>(LOWEST);
  var total = vec4<f32>();
  for (var key = 0u; key < counts.w; key += 8) {
    let keys0 = vec4u(key, key + 1, key + 2, key + 3);
    let keys1 = keys0 + 4;
    let at0 = min(keys0, vec4u(params.keys - 1));
    let at1 = min(keys1, vec4u(params.keys - 1));
    var score0 = mat4x4<f32>(); // a column a query
    var score1 = mat4x4<f32>();
    for (var d = 0u; d < params.headSize; d++) {
      let x = elementsOfQ(qAt + d);
      let y0 = elementsOfK(kAt + at0 * params.kStride + d);
      let y1 = elementsOfK(kAt + at1 * params.kStride + d);
      score0 += mat4x4<f32>(x.x * y0, x.y * y0, x.z * y0, x.w * y0);
      score1 += mat4x4<f32>(x.x * y1, x.y * y1, x.z * y1, x.w * y1);
    }
    var fade: vec4<f32>;
    for (var i = 0u; i < 4; i++) {
      // Unseen keys get weight 0 without touching a NaN of a key that counts.
      let s0 = select(vec4<f32>(LOWEST), score0[i] * params.scale, keys0 < vec4u(counts[i]));
      let s1 = select(vec4<f32>(LOWEST), score1[i] * params.scale, keys1 < vec4u(counts[i]));
      let most = max(s0, s1);
      let next = max(largest[i], max(max(most.x, most.y), max(most.z, most.w)));
      score0[i] = weigh(s0 - next);
      score1[i] = weigh(s1 - next);
      fade[i] = exp2(largest[i] - next);
      largest[i] = next;
      total[i] = total[i] * fade[i] + dot(score0[i] + score1[i], vec4<f32>(1.0));
    }
    for (var d = 0u; d < params.headSize; d++) {
      let y0 = elementsOfV(vAt + at0 * params.vStride + d);
      let y1 = elementsOfV(vAt + at1 * params.vStride + d);
      sums[d * WG + lane] = sums[d * WG + lane] * fade + y0 * score0 + y1 * score1;
    }
  }
  let outAt = ((group.z * params.queries + query) * params.heads + group.y) * params.headSize;
  for (var d = 0u; d < params.headSize; d++) {
    let y = sums[d * WG + lane] / total;
    for (var i = 0u; i < 4; i++) {
      if (query + i < params.queries) {
        out[outAt + i * params.heads * params.headSize + d] = Elem(y[i]);
      }
    }
  }
}

var<workgroup> tileK: array<array<vec4<f32>, D4>, KEYS>;
var<workgroup> tileV: array<array<vec4<f32>, D4>, KEYS>;

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
    sum[i] = vec4<f32>();
  }
  var largest = LOWEST;
  var total = 0.0;
  let count = keysOf(row);
  for (var first = 0u; first < params.keys; first += KEYS) {
    let size = min(KEYS, params.keys - first);
    for (var i = lane; i < size * D4; i += WG) {
      tileK[i / D4][i % D4] = loadK(kAt + (first + i / D4) * params.kStride, i % D4);
      tileV[i / D4][i % D4] = loadV(vAt + (first + i / D4) * params.vStride, i % D4);
    }
    workgroupBarrier();
    for (var key = 0u; key < size; key += 4) {
      let at = min(vec4u(key, key + 1, key + 2, key + 3), vec4u(size - 1));
      var score = vec4<f32>();
      for (var i = 0u; i < D4; i++) {
        score += vec4<f32>(
          dot(mine[i], tileK[at.x][i]),
          dot(mine[i], tileK[at.y][i]),
          dot(mine[i], tileK[at.z][i]),
          dot(mine[i], tileK[at.w][i]),
        );
      }
      score = select(vec4<f32>(LOWEST), score, first + vec4u(key, key + 1, key + 2, key + 3) < vec4u(count));
      let next = max(largest, max(max(score.x, score.y), max(score.z, score.w)));
      let fade = exp2(largest - next);
      let weight = weigh(score - next);
      total = total * fade + dot(weight, vec4<f32>(1.0));
      largest = next;
      for (var i = 0u; i < D4; i++) {
        sum[i] = sum[i] * fade
          + weight.x * tileV[at.x][i]
          + weight.y * tileV[at.y][i]
          + weight.z * tileV[at.z][i]
          + weight.w * tileV[at.w][i];
      }
    }
    workgroupBarrier();
  }
  if (query < params.queries) {
    let outAt = ((group.z * params.queries + query) * params.heads + group.y) * D;
    for (var i = 0u; i < D4; i++) {
      storeOut(outAt, i, sum[i] / total);
    }
  }
}
