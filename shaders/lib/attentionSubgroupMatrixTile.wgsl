// A variant of attention for GPUs with matrix units (FlashAttention-2, Dao 2023): bindings, params and scores of
// positions are in attention.wgsl, D, within, keyRow and scored in lib/attentionKeys.wgsl. 32 queries by 32 keys a
// workgroup at a time: its subgroups multiply q · kᵀ and weights · v, and between the two each of its threads weighs 2
// keys by 4 queries. The sums stay in matrices, which nothing but a whole number can scale: the number that weights are
// powers of 2 below moves, and sums go through workgroup memory to follow, only where a score is beyond it by SLACK,
// which after the first keys is rare. For adapters with chromium-experimental-subgroup-matrix (dawn:
// docs/dawn/features/subgroup_matrix.md). wordQ, wordK, wordV, wordPad, storeWord: lib/rowVectors.wgsl or
// lib/rowElements.wgsl. fromOther4: lib/lanes.wgsl.

const UNIT_M = 8u; // what a matrix unit does at once: UNIT_M rows by UNIT_N columns of the result, UNIT_K terms of them
const UNIT_N = 8u;
const UNIT_K = 8u;
const LANES = 8u; // threads of a subgroup

const BR = 32u; // queries
const BC = 32u; // keys
const WG = 128u;
const WORDS = (D + 15) / 16 * 4; // vec4s of a head, filled up with zeros to whole units
const DP = WORDS * 4;
const LOADS = BC * WORDS / WG; // vec4s that a thread loads of as many keys or queries
const SUBGROUPS = WG / LANES;
const SCORE_PARTS = BR * BC / (UNIT_M * UNIT_N);
const SUM_PARTS = BR * DP / (UNIT_M * UNIT_N);
const ROUNDS = (SUM_PARTS + SUBGROUPS - 1) / SUBGROUPS; // parts of the sums that a subgroup has, SUBGROUPS apart
const SLACK = 8f; // in powers of 2: weights are 256 at most

alias Left = subgroup_matrix_left<Elem, UNIT_K, UNIT_M>;
alias Right = subgroup_matrix_right<Elem, UNIT_N, UNIT_K>;
alias Sum = subgroup_matrix_result<f32, UNIT_N, UNIT_M>;

var<workgroup> unitQueries: array<Elem, BR * DP>; // [query][element of the head]
var<workgroup> unitKeys: array<Elem, BC * DP>; // [key][element of the head]: keys, then their values
var<workgroup> unitScores: array<f32, max(BR * BC, SUBGROUPS * UNIT_M * UNIT_N)>; // [query][key], or a part a subgroup
var<workgroup> unitWeights: array<Elem, BR * BC>; // [query][key]
var<workgroup> told: array<vec4<f32>, select(1u, WG, LANES < 16)>; // what 16 threads in several subgroups tell
var<workgroup> factors: array<f32, BR>; // of each query's sums
var<workgroup> padWeights: array<f32, BR>; // of each query, of what lies beyond the map
var<workgroup> outRows: array<u32, BR>;
var<workgroup> lastMove: atomic<u32>; // the turn in which sums have to follow

// What the 16 threads with the same queries have, as one: the largest of it, or the sum.
fn ofRow(mine: vec4<f32>, lane: u32, isSum: bool) -> vec4<f32> {
  var all = mine;
  for (var mask = 1u; mask < min(LANES, 16); mask *= 2) {
    all = joined(all, fromOther4(all, mask), isSum);
  }
  if (LANES < 16) {
    told[lane] = all;
    workgroupBarrier();
    for (var i = 1u; i < 16 / LANES; i++) {
      all = joined(all, told[lane ^ (i * LANES)], isSum);
    }
    workgroupBarrier();
  }
  return all;
}

fn joined(a: vec4<f32>, b: vec4<f32>, isSum: bool) -> vec4<f32> {
  if (isSum) {
    return a + b;
  }
  return max(a, b);
}

// Where a part of the scores or sums begins: the parts of a row of units lie side by side.
fn cornerOf(part: u32, columns: u32) -> vec2u {
  return vec2u(part / (columns / UNIT_N) * UNIT_M, part % (columns / UNIT_N) * UNIT_N);
}

// The subgroups share out the parts. Where a part lies is uniform in a subgroup, which is all that its matrices need,
// but not in the workgroup, which is what the compiler looks at. x: groups of queries, y: head, z: part.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(WG)
fn subgroupMatrixTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = partOf(group.z);
  if (group.x * BR >= part.queries) {
    return;
  }
  let row = lane / 16; // of threads, with 4 queries
  let column = lane % 16; // of threads, with 2 keys
  let subgroup = lane / LANES;
  let query = queriesOf(min(group.x * BR + row * 4 + vec4u(0, 1, 2, 3), vec4u(part.queries - 1)), part);
  let head = group.y * D;
  if (column < 4) {
    outRows[row * 4 + column] = query.row[column];
  }
  workgroupBarrier();
  for (var l = 0u; l < LOADS; l++) {
    let w = l * WG + lane;
    var x = vec4<Elem>();
    if (w % WORDS < D4) {
      x = within(wordQ(params.qOffset + outRows[w / WORDS] * params.qStride + head, w % WORDS), w % WORDS);
    }
    for (var j = 0u; j < 4; j++) {
      unitQueries[w * 4 + j] = x[j];
    }
  }
  var keys = part.rows * part.columns;
  if (CAUSAL) {
    keys = min(keys, (group.x + 1) * BR + part.columns - part.queries);
  }
  var softmax = Softmax(vec4<f32>(LOWEST), vec4<f32>()); // total: of this thread's own keys
  var sums: array<Sum, ROUNDS>;
  for (var first = 0u; first < keys; first += BC) {
    var rows: array<u32, LOADS>;
    for (var l = 0u; l < LOADS; l++) {
      let w = l * WG + lane;
      rows[l] = keyRow(min(first + w / WORDS, keys - 1), part);
      var x = vec4<Elem>();
      if (w % WORDS < D4) {
        x = within(wordK(params.kOffset + rows[l] * params.kStride + head, w % WORDS), w % WORDS);
      }
      for (var j = 0u; j < 4; j++) {
        unitKeys[w * 4 + j] = x[j];
      }
    }
    workgroupBarrier();
    for (var p = subgroup; p < SCORE_PARTS; p += SUBGROUPS) {
      let at = cornerOf(p, BC);
      var scores = Sum();
      for (var d = 0u; d < DP; d += UNIT_K) {
        let left = subgroupMatrixLoad<Left, row_major>(&unitQueries, at.x * DP + d, DP);
        let right = subgroupMatrixLoad<Right, col_major>(&unitKeys, at.y * DP + d, DP);
        scores = subgroupMatrixMultiplyAccumulate(left, right, scores);
      }
      subgroupMatrixStore<row_major>(&unitScores, at.x * BC + at.y, scores, BC);
    }
    workgroupBarrier();
    for (var l = 0u; l < LOADS; l++) {
      let w = l * WG + lane;
      var x = vec4<Elem>();
      if (w % WORDS < D4) {
        x = within(wordV(params.vOffset + rows[l] * params.vStride + head, w % WORDS), w % WORDS);
      }
      for (var j = 0u; j < 4; j++) {
        unitKeys[w * 4 + j] = x[j];
      }
    }
    var scores: array<vec4<f32>, 2>; // of 4 queries
    for (var j = 0u; j < 2; j++) {
      let key = column * 2 + j;
      var products = vec4<f32>();
      for (var r = 0u; r < 4; r++) {
        products[r] = unitScores[(row * 4 + r) * BC + key];
      }
      scores[j] = scored(products, first + key, keys, query, group.y, part);
    }
    let largest = ofRow(clamp(max(scores[0], scores[1]), vec4<f32>(LOWEST), vec4<f32>(-LOWEST)), lane, false);
    let isMoved = largest > softmax.largest + SLACK;
    let next = select(softmax.largest, largest, isMoved);
    let fade = exp2(softmax.largest - next);
    softmax = Softmax(next, softmax.total * fade);
    if (any(isMoved) && first > 0) {
      atomicStore(&lastMove, first);
    }
    if (column < 4) {
      factors[row * 4 + column] = fade[column];
    }
    for (var j = 0u; j < 2; j++) {
      let weights = weigh(scores[j] - next);
      softmax.total += weights;
      for (var r = 0u; r < 4; r++) {
        unitWeights[(row * 4 + r) * BC + column * 2 + j] = Elem(weights[r]);
      }
    }
    workgroupBarrier();
    if (first > 0 && workgroupUniformLoad(&lastMove) == first) {
      for (var r = 0u; r < ROUNDS; r++) {
        let firstRow = cornerOf(r * SUBGROUPS + subgroup, DP).x;
        let at = subgroup * UNIT_M * UNIT_N;
        subgroupMatrixStore<row_major>(&unitScores, at, sums[r], UNIT_N);
        workgroupBarrier();
        for (var i = lane % LANES; i < UNIT_M * UNIT_N; i += LANES) {
          unitScores[at + i] *= factors[min(firstRow + i / UNIT_N, BR - 1)];
        }
        workgroupBarrier();
        sums[r] = subgroupMatrixLoad<Sum, row_major>(&unitScores, at, UNIT_N);
      }
    }
    for (var r = 0u; r < ROUNDS; r++) {
      let at = cornerOf(r * SUBGROUPS + subgroup, DP);
      if (at.x < BR) {
        for (var key = 0u; key < BC; key += UNIT_K) {
          let left = subgroupMatrixLoad<Left, row_major>(&unitWeights, at.x * BC + key, BC);
          let right = subgroupMatrixLoad<Right, row_major>(&unitKeys, key * DP + at.y, DP);
          sums[r] = subgroupMatrixMultiplyAccumulate(left, right, sums[r]);
        }
      }
    }
    workgroupBarrier();
  }
  finish(softmax, query, group.y, part, lane);
  workgroupBarrier();
  for (var r = 0u; r < ROUNDS; r++) {
    let at = cornerOf(r * SUBGROUPS + subgroup, DP);
    let own = subgroup * UNIT_M * UNIT_N;
    subgroupMatrixStore<row_major>(&unitScores, own, sums[r], UNIT_N);
    workgroupBarrier();
    for (var i = lane % LANES; i < UNIT_M * UNIT_N / 4; i += LANES) {
      let q = at.x + i / (UNIT_N / 4);
      let d4 = at.y / 4 + i % (UNIT_N / 4);
      if (q < min(BR, part.queries - group.x * BR) && d4 < D4) {
        let s = own + i * 4;
        var x = vec4<f32>(unitScores[s], unitScores[s + 1], unitScores[s + 2], unitScores[s + 3]) * factors[q];
        if (HAS_PAD) {
          x += padWeights[q] * vec4<f32>(wordPad(params.vOffset + head, d4));
        }
        storeWord(outRows[q] * params.heads * D + head, d4, min(4u, D - d4 * 4), vec4<Elem>(x));
      }
    }
    workgroupBarrier();
  }
}

// What makes results of a row's sums: factors, and with keys beyond the map the weight of these.
fn finish(softmax: Softmax, query: Queries, head: u32, part: Part, lane: u32) {
  let row = lane / 16;
  var total = ofRow(softmax.total, lane, true);
  var share = vec4<f32>(1);
  var padWeight = vec4<f32>();
  if (HAS_PAD) {
    var score = vec4<f32>();
    for (var i = 0u; i < D4; i++) {
      let x = vec4<f32>(within(wordPad(params.kOffset + head * D, i), i));
      for (var j = 0u; j < 4; j++) {
        let at = row * 4 * DP + i * 4 + j;
        score += x[j] * vec4<f32>(f32(unitQueries[at]), f32(unitQueries[at + DP]),
          f32(unitQueries[at + 2 * DP]), f32(unitQueries[at + 3 * DP]));
      }
    }
    let pad = padSoftmax(score * params.scale, query, head, part);
    let next = max(softmax.largest, pad.largest);
    share = exp2(softmax.largest - next);
    padWeight = pad.total * exp2(pad.largest - next);
    total = total * share + padWeight;
  }
  if (lane % 16 < 4) {
    factors[row * 4 + lane % 16] = (share / total)[lane % 16];
    padWeights[row * 4 + lane % 16] = (padWeight / total)[lane % 16];
  }
}
