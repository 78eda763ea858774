// attention: softmax(q · kᵀ * scale + position score) · v for each head, with a running maximum and sum, so that scores
// are never stored.
// q: rows [batch, Tq], k and v: rows [batch, Tk]; a row holds heads side by side, H * D elements from an offset, with
// any stride between rows, so that a packed [q | k | v] is read in place. out: [batch, Tq, H * D]. Sums in f32.
// With GRID, tokens are the places of a map, and those of one window see each other. A window that reaches beyond the
// map has keys there too, all equal to one row `pad`. The position score of a query and a key of a window is
// rel[query, head, key's row] + rel[query, head, rows + key's column] (Li et al. 2021: decomposed), or
// bias[head, |rows apart|, |columns apart|].

alias Elem = f32; // f32 | f16
alias Word = vec4<Elem>; // vec4<Elem> where head size, offsets and strides are multiples of 4, else Elem
const WIDTH = 4u; // elements of a Word: 4 | 1
const D = 64u; // head size
const D4 = 16u; // vec4s of a head, rounded up
const KEYS = 16u; // keys of a tile in workgroup memory; a multiple of 4

struct Params {
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
  height: u32, // places of a map
  width: u32,
  windowHeight: u32,
  windowWidth: u32,
}

@group(0) @binding(0) var<storage, read> q: array<Word>;
@group(0) @binding(1) var<storage, read> k: array<Word>;
@group(0) @binding(2) var<storage, read> v: array<Word>;
@group(0) @binding(3) var<storage, read> pad: array<Elem>; // a row like those of k and v
@group(0) @binding(4) var<storage, read> rel: array<Elem>; // [batch, Tq, H, windowHeight + windowWidth]
@group(0) @binding(5) var<storage, read> bias: array<Elem>; // [H, windowHeight, windowWidth]
@group(0) @binding(6) var<storage, read_write> out: array<Elem>;
@group(0) @binding(7) var<uniform> params: Params;

override WG: u32 = 8; // queries of a workgroup
override CAUSAL: bool = false;
override GRID: bool = false;
override HAS_PAD: bool = false;
override HAS_REL: bool = false;
override HAS_BIAS: bool = false;

const LOWEST = -3.4e38f;
const LOG2E = 1.4426950408889634f;

fn partOf(index: u32) -> Part {
  if (GRID) {
    return windowOf(index, vec2u(params.height, params.width), vec2u(params.windowHeight, params.windowWidth));
  }
  return Part(params.queries, params.keys, index * params.queries, index * params.keys, 1);
}

// Rows of a part's tokens.
fn rowsOf(first: u32, columns: u32, tokens: vec4u) -> vec4u {
  return first + select(tokens, tokens / columns * params.width + tokens % columns, GRID);
}

struct Query {
  place: vec2u, // row and column in its window
  rel: u32, // its elements of rel
  bias: u32, // its head's elements of bias
}

fn queryOf(token: u32, row: u32, head: u32, columns: u32) -> Query {
  let rel = (row * params.heads + head) * (params.windowHeight + params.windowWidth);
  return Query(vec2u(token / columns, token % columns), rel, head * params.windowHeight * params.windowWidth);
}

// Position scores of a query and four keys at y and x of the window, times log2(e).
fn positionScores(query: Query, y: vec4u, x: vec4u) -> vec4<f32> {
  if (HAS_REL) {
    return LOG2E * (elementsOfRel(query.rel + y) + elementsOfRel(query.rel + params.windowHeight + x));
  }
  if (HAS_BIAS) {
    let down = vec4u(abs(vec4i(y) - i32(query.place.x)));
    let across = vec4u(abs(vec4i(x) - i32(query.place.y)));
    let at = query.bias + down * params.windowWidth + across;
    return LOG2E * vec4<f32>(f32(bias[at.x]), f32(bias[at.y]), f32(bias[at.z]), f32(bias[at.w]));
  }
  return vec4<f32>();
}

fn elementsOfRel(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(rel[at.x]), f32(rel[at.y]), f32(rel[at.z]), f32(rel[at.w]));
}

fn hasPad(part: Part) -> bool {
  return HAS_PAD && part.keys < params.windowHeight * params.windowWidth;
}

// Largest score and sum of weights of the keys beyond the map, which differ in their position scores alone.
fn padWeights(score: f32, query: Query, part: Part) -> vec2<f32> {
  var largest = LOWEST;
  var total = 0.0;
  for (var i = 0u; i * 4 < params.windowHeight * params.windowWidth; i++) {
    let y = places(i) / params.windowWidth;
    let x = places(i) % params.windowWidth;
    let isOnMap = (y * part.columns < vec4u(part.keys)) & (x < vec4u(part.columns));
    let isPad = (y < vec4u(params.windowHeight)) & !isOnMap;
    let scores = select(vec4<f32>(LOWEST), score + positionScores(query, y, x), isPad);
    let next = max(largest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    total = total * exp2(largest - next) + dot(weigh(scores - next), vec4<f32>(1.0));
    largest = next;
  }
  return vec2<f32>(largest, total);
}

// Four elements of a head; what lies beyond it is 0.
fn loadQ(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(q[at / WIDTH + i]));
  }
  return select(vec4<f32>(), elementsOfQ(at + places(i)), places(i) < vec4u(D));
}

fn loadK(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(k[at / WIDTH + i]));
  }
  return select(vec4<f32>(), elementsOfK(at + places(i)), places(i) < vec4u(D));
}

fn loadV(at: u32, i: u32) -> vec4<f32> {
  if (WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(v[at / WIDTH + i]));
  }
  return select(vec4<f32>(), elementsOfV(at + places(i)), places(i) < vec4u(D));
}

fn loadPad(at: u32, i: u32) -> vec4<f32> {
  let cell = at + places(i);
  let row = vec4<f32>(f32(pad[cell.x]), f32(pad[cell.y]), f32(pad[cell.z]), f32(pad[cell.w]));
  return select(vec4<f32>(), row, places(i) < vec4u(D));
}

fn places(i: u32) -> vec4u {
  return vec4u(i * 4, i * 4 + 1, i * 4 + 2, i * 4 + 3);
}

fn storeOut(at: u32, i: u32, value: vec4<f32>) {
  for (var j = 0u; j < 4 && i * 4 + j < D; j++) {
    out[at + i * 4 + j] = Elem(value[j]);
  }
}

// Keys that a query may see: all, or those up to its own place counted from the end.
fn keysOf(query: u32, part: Part) -> u32 {
  return select(part.keys, min(part.keys, query + 1 + part.keys - part.queries), CAUSAL);
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
// of 4 * WG queries, y: head, z: part.
@compute @workgroup_size(WG)
fn registerTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = partOf(group.z);
  let token = (group.x * WG + lane) * 4;
  if (token >= part.queries) {
    return;
  }
  let tokens = min(vec4u(token, token + 1, token + 2, token + 3), vec4u(part.queries - 1));
  let rows = rowsOf(part.firstQuery, part.columns, tokens);
  let head = group.y * params.headSize;
  let qAt = params.qOffset + head + rows * params.qStride;
  let kAt = params.kOffset + head;
  let vAt = params.vOffset + head;
  var query: array<Query, 4>;
  var counts: vec4u;
  for (var i = 0u; i < 4; i++) {
    query[i] = queryOf(tokens[i], rows[i], group.y, part.columns);
    counts[i] = keysOf(tokens[i], part);
  }
  var largest = vec4<f32>(LOWEST);
  var total = vec4<f32>();
  if (hasPad(part)) {
    var score = vec4<f32>();
    for (var d = 0u; d < params.headSize; d++) {
      score += elementsOfQ(qAt + d) * f32(pad[kAt + d]);
    }
    for (var i = 0u; i < 4; i++) {
      let weights = padWeights(score[i] * params.scale, query[i], part);
      largest[i] = weights.x;
      total[i] = weights.y;
    }
  }
  for (var d = 0u; d < params.headSize; d++) {
    sums[d * WG + lane] = total * select(0.0, f32(pad[vAt + d]), hasPad(part));
  }
  for (var key = 0u; key < counts.w; key += 8) {
    let keys0 = vec4u(key, key + 1, key + 2, key + 3);
    let keys1 = keys0 + 4;
    let rows0 = rowsOf(part.firstKey, part.columns, min(keys0, vec4u(part.keys - 1)));
    let rows1 = rowsOf(part.firstKey, part.columns, min(keys1, vec4u(part.keys - 1)));
    var score0 = mat4x4<f32>(); // a column a query
    var score1 = mat4x4<f32>();
    for (var d = 0u; d < params.headSize; d++) {
      let x = elementsOfQ(qAt + d);
      let y0 = elementsOfK(kAt + rows0 * params.kStride + d);
      let y1 = elementsOfK(kAt + rows1 * params.kStride + d);
      score0 += mat4x4<f32>(x.x * y0, x.y * y0, x.z * y0, x.w * y0);
      score1 += mat4x4<f32>(x.x * y1, x.y * y1, x.z * y1, x.w * y1);
    }
    var fade: vec4<f32>;
    for (var i = 0u; i < 4; i++) {
      score0[i] = score0[i] * params.scale + positionScores(query[i], keys0 / part.columns, keys0 % part.columns);
      score1[i] = score1[i] * params.scale + positionScores(query[i], keys1 / part.columns, keys1 % part.columns);
      // Unseen keys get weight 0 without touching a NaN of a key that counts.
      let s0 = select(vec4<f32>(LOWEST), score0[i], keys0 < vec4u(counts[i]));
      let s1 = select(vec4<f32>(LOWEST), score1[i], keys1 < vec4u(counts[i]));
      let most = max(s0, s1);
      let next = max(largest[i], max(max(most.x, most.y), max(most.z, most.w)));
      score0[i] = weigh(s0 - next);
      score1[i] = weigh(s1 - next);
      fade[i] = exp2(largest[i] - next);
      largest[i] = next;
      total[i] = total[i] * fade[i] + dot(score0[i] + score1[i], vec4<f32>(1.0));
    }
    for (var d = 0u; d < params.headSize; d++) {
      let y0 = elementsOfV(vAt + rows0 * params.vStride + d);
      let y1 = elementsOfV(vAt + rows1 * params.vStride + d);
      sums[d * WG + lane] = sums[d * WG + lane] * fade + y0 * score0 + y1 * score1;
    }
  }
  for (var d = 0u; d < params.headSize; d++) {
    let y = sums[d * WG + lane] / total;
    for (var i = 0u; i < 4; i++) {
      if (token + i < part.queries) {
        out[rows[i] * params.heads * params.headSize + head + d] = Elem(y[i]);
      }
    }
  }
}

var<workgroup> tileK: array<array<vec4<f32>, D4>, KEYS>;
var<workgroup> tileV: array<array<vec4<f32>, D4>, KEYS>;

// One query a thread, keys and values shared through workgroup memory, KEYS at a time: right on GPUs.
// x: groups of queries, y: head, z: part.
@compute @workgroup_size(WG)
fn sharedKeys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = partOf(group.z);
  if (group.x * WG >= part.queries) {
    return;
  }
  let token = min(group.x * WG + lane, part.queries - 1);
  let row = rowsOf(part.firstQuery, part.columns, vec4u(token)).x;
  let query = queryOf(token, row, group.y, part.columns);
  let head = group.y * D;
  let qAt = params.qOffset + row * params.qStride + head;
  let kAt = params.kOffset + head;
  let vAt = params.vOffset + head;
  var mine: array<vec4<f32>, D4>;
  var sum: array<vec4<f32>, D4>;
  for (var i = 0u; i < D4; i++) {
    mine[i] = loadQ(qAt, i) * params.scale;
    sum[i] = vec4<f32>();
  }
  var largest = LOWEST;
  var total = 0.0;
  if (hasPad(part)) {
    var score = 0.0;
    for (var i = 0u; i < D4; i++) {
      score += dot(mine[i], loadPad(kAt, i));
    }
    let weights = padWeights(score, query, part);
    largest = weights.x;
    total = weights.y;
    for (var i = 0u; i < D4; i++) {
      sum[i] = total * loadPad(vAt, i);
    }
  }
  let count = keysOf(token, part);
  for (var first = 0u; first < part.keys; first += KEYS) {
    let size = min(KEYS, part.keys - first);
    for (var i = lane; i < size * D4; i += WG) {
      let keyRow = rowsOf(part.firstKey, part.columns, vec4u(first + i / D4)).x;
      tileK[i / D4][i % D4] = loadK(kAt + keyRow * params.kStride, i % D4);
      tileV[i / D4][i % D4] = loadV(vAt + keyRow * params.vStride, i % D4);
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
      let keys = first + vec4u(key, key + 1, key + 2, key + 3);
      score += positionScores(query, keys / part.columns, keys % part.columns);
      score = select(vec4<f32>(LOWEST), score, keys < vec4u(count));
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
  if (group.x * WG + lane < part.queries) {
    for (var i = 0u; i < D4; i++) {
      storeOut(row * params.heads * D + head, i, sum[i] / total);
    }
  }
}
