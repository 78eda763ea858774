// attention: softmax(q · kᵀ * scale + position score) · v for each head, with a running maximum and sum, so that scores
// are never stored.
// q: rows [batch, Tq], k and v: rows [batch, Tk]; a row holds heads side by side, H * D elements from an offset, with
// any stride between rows, so that a packed [q | k | v] is read in place. out: [batch, Tq, H * D]. Sums in f32.
// With GRID, tokens are the places of a map, and those of one window see each other. A window that reaches beyond the
// map has keys there too, all equal to one row `pad`. The position score of a query and a key of a window is
// rel[query, head, key's row] + rel[query, head, rows + key's column] (Li et al. 2021: decomposed), or
// bias[head, |rows apart|, |columns apart|].
// flashTile is below; registerTile and subgroupTile, which CPU adapters take first, are one loop in
// lib/attentionRegisterTile.wgsl, which is added at launch.

alias Elem = f32; // f32 | f16
const D = 64u; // head size
const D4 = 16u; // its vec4s, rounded up

struct Params {
  heads: u32,
  queries: u32,
  keys: u32, // that are looked at
  keyRows: u32, // of k and v in each element of the batch
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

@group(0) @binding(0) var<storage, read> q: array<Elem>;
@group(0) @binding(1) var<storage, read> k: array<Elem>;
@group(0) @binding(2) var<storage, read> v: array<Elem>;
@group(0) @binding(3) var<storage, read> pad: array<Elem>; // a row like those of k and v
@group(0) @binding(4) var<storage, read> rel: array<Elem>; // [batch, Tq, H, windowHeight + windowWidth]
@group(0) @binding(5) var<storage, read> bias: array<Elem>; // [H, windowHeight, windowWidth]
@group(0) @binding(6) var<storage, read_write> out: array<Elem>;
@group(0) @binding(7) var<uniform> params: Params;

override WG: u32 = 8; // threads of a registerTile; rows of threads of a flashTile
override CAUSAL: bool = false;
override GRID: bool = false;
override HAS_PAD: bool = false;
override HAS_REL: bool = false;
override HAS_BIAS: bool = false;

fn partOf(index: u32) -> Part {
  if (GRID) {
    return windowOf(index, vec2u(params.height, params.width), vec2u(params.windowHeight, params.windowWidth));
  }
  return Part(params.queries, index * params.queries, index * params.keyRows, 1, params.keys);
}

// Without a window, a query sees all keys, or with CAUSAL those up to its own place counted from the end.
fn queriesOf(tokens: vec4u, part: Part) -> Queries {
  if (GRID) {
    return queriesOfWindow(tokens, part, params.width);
  }
  let seen = select(vec4u(part.columns), tokens + 1 + part.columns - part.queries, CAUSAL);
  return Queries(part.firstQuery + tokens, vec4u(), vec4u(), seen);
}

// Position scores, times log2(e), of four queries and as many keys at y and x of their window: the part that is the
// same for a row of keys, and the rest.
fn rowScores(query: Queries, head: u32, y: vec4u) -> vec4<f32> {
  if (HAS_REL) {
    return relScores(query, head, y);
  }
  return vec4<f32>();
}

fn placeScores(query: Queries, head: u32, y: vec4u, x: vec4u) -> vec4<f32> {
  if (HAS_REL) {
    return relScores(query, head, params.windowHeight + x);
  }
  if (HAS_BIAS) {
    let down = max(y, query.y) - min(y, query.y);
    let across = max(x, query.x) - min(x, query.x);
    let at = (head * params.windowHeight + down) * params.windowWidth + across;
    return LOG2E * vec4<f32>(f32(bias[at.x]), f32(bias[at.y]), f32(bias[at.z]), f32(bias[at.w]));
  }
  return vec4<f32>();
}

fn relScores(query: Queries, head: u32, i: vec4u) -> vec4<f32> {
  let at = (query.row * params.heads + head) * (params.windowHeight + params.windowWidth) + i;
  return LOG2E * vec4<f32>(f32(rel[at.x]), f32(rel[at.y]), f32(rel[at.z]), f32(rel[at.w]));
}

// Of the keys beyond the map, which differ in their position scores alone.
fn padSoftmax(score: vec4<f32>, query: Queries, head: u32, part: Part) -> Softmax {
  var softmax = Softmax(vec4<f32>(LOWEST), vec4<f32>());
  for (var y = 0u; y < params.windowHeight; y++) {
    let above = score + rowScores(query, head, vec4u(y));
    for (var x = select(0u, part.columns, y < part.rows); x < params.windowWidth; x++) {
      let scores = above + placeScores(query, head, vec4u(y), vec4u(x));
      let next = max(softmax.largest, scores);
      softmax.total = softmax.total * exp2(softmax.largest - next) + weigh(scores - next);
      softmax.largest = next;
    }
  }
  return softmax;
}

fn loadQ(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w]));
}

fn loadK(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(k[at.x]), f32(k[at.y]), f32(k[at.z]), f32(k[at.w]));
}

fn loadV(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(v[at.x]), f32(v[at.y]), f32(v[at.z]), f32(v[at.w]));
}

fn loadPad(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(pad[at.x]), f32(pad[at.y]), f32(pad[at.z]), f32(pad[at.w]));
}

fn quad(i: u32) -> vec4u {
  return i * 4 + vec4u(0, 1, 2, 3);
}

// The i-th vec4 of a head; what lies beyond the head is 0.
fn within(x: vec4<f32>, i: u32) -> vec4<f32> {
  return select(vec4<f32>(), x, quad(i) < vec4u(D));
}

const BR = 32u; // queries of a flashTile: 32 | 16
const BC = 16u; // keys that are in workgroup memory at once: 16 | 8
const SPAN = 2u; // vec4s of a query's sum that each of its 8 threads has
// Rows are one vec4 longer than a head, so that the threads of a subgroup meet in fewer banks.
var<workgroup> tileQ: array<array<vec4<f32>, D4 + 1>, BR>;
var<workgroup> tileKV: array<array<vec4<f32>, D4 + 1>, BC>; // keys, then values
var<workgroup> tileP: array<array<vec4<f32>, BR / 4>, BC>; // [key][query / 4]: scores, then weights

// FlashAttention-2 (Dao 2023), whose names BR and BC are: BR queries by BC keys a workgroup. A thread has 4 queries by
// BC / 8 keys of the scores, and 4 queries by SPAN vec4s of the sum, so that few loads from workgroup memory feed many
// products.
// x: groups of queries, y: head, z: part.
@compute @workgroup_size(8, WG)
fn flashTile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = partOf(group.z);
  if (group.x * BR >= part.queries) {
    return;
  }
  let first4 = group.x * BR + local.y * 4;
  let query = queriesOf(min(first4 + vec4u(0, 1, 2, 3), vec4u(part.queries - 1)), part);
  let head = group.y * D;
  let kAt = params.kOffset + head;
  let vAt = params.vOffset + head;
  let width4 = (params.headSize + 3) / 4; // D4, where a loop must not be unrolled
  for (var i = local.x; i < D4; i += 8) {
    for (var r = 0u; r < 4; r++) {
      let at = params.qOffset + query.row[r] * params.qStride + head + quad(i);
      tileQ[local.y * 4 + r][i] = within(loadQ(at), i) * params.scale;
    }
  }
  workgroupBarrier();
  var softmax = Softmax(vec4<f32>(LOWEST), vec4<f32>());
  var sum: array<vec4<f32>, SPAN * 4>; // [vec4 of the head][query]
  if (HAS_PAD) {
    var score = vec4<f32>();
    for (var i = 0u; i < width4; i++) {
      let row = within(loadPad(kAt + quad(i)), i);
      for (var r = 0u; r < 4; r++) {
        score[r] += dot(tileQ[local.y * 4 + r][i], row);
      }
    }
    softmax = padSoftmax(score, query, group.y, part);
    for (var s = 0u; s < SPAN; s++) {
      let value = loadPad(vAt + quad(min(local.x + s * 8, D4 - 1)));
      for (var r = 0u; r < 4; r++) {
        sum[s * 4 + r] = softmax.total[r] * value;
      }
    }
  }
  let keys = part.rows * part.columns;
  for (var first = 0u; first < keys; first += BC) {
    let size = min(BC, keys - first);
    for (var i = lane; i < size * D4; i += 8 * WG) {
      let key = first + i / D4;
      let row = part.firstKey + key / part.columns * params.width + key % part.columns;
      tileKV[i / D4][i % D4] = within(loadK(kAt + row * params.kStride + quad(i % D4)), i % D4);
    }
    workgroupBarrier();
    var scores = array<vec4<f32>, BC / 8>(); // explicit zero: some drivers reuse the last iteration's value
    for (var i = 0u; i < width4; i++) {
      let q0 = tileQ[local.y * 4][i];
      let q1 = tileQ[local.y * 4 + 1][i];
      let q2 = tileQ[local.y * 4 + 2][i];
      let q3 = tileQ[local.y * 4 + 3][i];
      for (var j = 0u; j < BC / 8; j++) {
        let key = tileKV[local.x + j * 8][i];
        scores[j] += vec4<f32>(dot(q0, key), dot(q1, key), dot(q2, key), dot(q3, key));
      }
    }
    for (var j = 0u; j < BC / 8; j++) {
      let key = first + local.x + j * 8;
      let y = vec4u(min(key, keys - 1) / part.columns);
      let x = vec4u(min(key, keys - 1) % part.columns);
      let score = scores[j] + rowScores(query, group.y, y) + placeScores(query, group.y, y, x);
      scores[j] = select(vec4<f32>(LOWEST), score, vec4<bool>(key < keys) & (x < query.seen));
      tileP[local.x + j * 8][local.y] = scores[j];
    }
    workgroupBarrier();
    var next = softmax.largest;
    for (var key = 0u; key < size; key++) {
      next = max(next, tileP[key][local.y]);
    }
    let fade = exp2(softmax.largest - next);
    softmax = Softmax(next, softmax.total * fade);
    for (var i = 0u; i < SPAN * 4; i++) {
      sum[i] *= fade[i % 4];
    }
    for (var i = lane; i < size * D4; i += 8 * WG) {
      let key = first + i / D4;
      let row = part.firstKey + key / part.columns * params.width + key % part.columns;
      tileKV[i / D4][i % D4] = loadV(vAt + row * params.vStride + quad(i % D4));
    }
    workgroupBarrier();
    for (var j = 0u; j < BC / 8; j++) {
      tileP[local.x + j * 8][local.y] = weigh(scores[j] - next);
    }
    workgroupBarrier();
    for (var key = 0u; key < size; key++) {
      let weight = tileP[key][local.y];
      softmax.total += weight;
      for (var s = 0u; s < SPAN; s++) {
        let value = tileKV[key][min(local.x + s * 8, D4 - 1)];
        for (var r = 0u; r < 4; r++) {
          sum[s * 4 + r] += weight[r] * value;
        }
      }
    }
    workgroupBarrier();
  }
  for (var s = 0u; s < SPAN; s++) {
    for (var r = 0u; r < 4; r++) {
      let at = query.row[r] * params.heads * D + head + (local.x + s * 8) * 4;
      for (var j = 0u; j < 4; j++) {
        if (first4 + r < part.queries && (local.x + s * 8) * 4 + j < D) {
          out[at + j] = Elem(sum[s * 4 + r][j] / softmax.total[r]);
        }
      }
    }
  }
}
