// Two variants of attention for CPU adapters, registerTile and, with LANES, subgroupTile: bindings, params and scores
// of positions are in attention.wgsl. outer: lib/outer.wgsl; fromLane4: lib/lanes.wgsl.

override WG: u32 = 8;
// The sums of a thread are in workgroup memory, [channel][thread], its own column each, so that no barrier is needed;
// or, with OWN_SUMS, in memory of its own, where the other array has one element. SwiftShader compiles a store for each
// number of an array to make it 0: 0.8 s for a workgroup's, 0.1 s for a thread's.
const OWN_SUMS = 1u; // 1, or D or more
override SHARED_SUMS: u32 = 512; // WG * D or more, or 1
var<private> ownSums: array<vec4<f32>, OWN_SUMS>;
var<workgroup> sharedSums: array<vec4<f32>, SHARED_SUMS>;

fn sumsAt(d: u32, lane: u32) -> vec4<f32> {
  if (OWN_SUMS > 1) {
    return ownSums[d];
  }
  return sharedSums[d * WG + lane];
}

fn keepSums(d: u32, lane: u32, sums: vec4<f32>) {
  if (OWN_SUMS > 1) {
    ownSums[d] = sums;
  } else {
    sharedSums[d * WG + lane] = sums;
  }
}

// Reads and writes element by element: RowWord is Elem.
fn loadQ(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w]));
}

fn loadK(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(k[at.x]), f32(k[at.y]), f32(k[at.z]), f32(k[at.w]));
}

fn loadV(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(v[at.x]), f32(v[at.y]), f32(v[at.z]), f32(v[at.w]));
}

const LANES = 1u; // threads that load for each other: a workgroup that is one subgroup, or 1

// Four queries by 8 keys of a row a thread: few loads a product and no barriers, which is right on CPU adapters (a loop
// over a constant head size is unrolled, which costs their compilers 20 s). With LANES the threads of a subgroup load
// LANES elements of each key at once and take them from each other: right on lavapipe, where a load is made lane by
// lane even when all lanes want one element. x: groups of 4 * WG queries, y: head, z: part.
@compute @workgroup_size(WG)
fn registerTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = partOf(group.z);
  let token = (group.x * WG + lane) * 4;
  if (group.x * WG * 4 >= part.queries) {
    return;
  }
  let query = queriesOf(min(token + vec4u(0, 1, 2, 3), vec4u(part.queries - 1)), part);
  let head = group.y * params.headSize;
  let qAt = params.qOffset + head + query.row * params.qStride;
  let kAt = params.kOffset + head + lane % LANES;
  let vAt = params.vOffset + head + lane % LANES;
  var softmax = Softmax(vec4<f32>(LOWEST), vec4<f32>());
  if (HAS_PAD) {
    var score = vec4<f32>();
    for (var d = 0u; d < params.headSize; d++) {
      score += loadQ(qAt + d) * f32(pad[params.kOffset + head + d]);
    }
    softmax = padSoftmax(score * params.scale, query, group.y, part);
  }
  for (var d = 0u; d < params.headSize; d++) {
    keepSums(d, lane, softmax.total * f32(pad[params.vOffset + head + d]));
  }
  let seen = select(part.columns, min(part.columns, (group.x + 1) * WG * 4 + part.columns - part.queries), CAUSAL);
  for (var y = 0u; y < part.rows; y++) {
    let above = rowScores(query, group.y, vec4u(y));
    for (var x = 0u; x < seen; x += 8) {
      let x0 = x + vec4u(0, 1, 2, 3);
      let x1 = x0 + 4;
      let row0 = part.firstKey + y * params.width + min(x0, vec4u(part.columns - 1));
      let row1 = part.firstKey + y * params.width + min(x1, vec4u(part.columns - 1));
      var score0 = mat4x4<f32>();
      var score1 = mat4x4<f32>();
      var key0: vec4<f32>;
      var key1: vec4<f32>;
      for (var d = 0u; d < params.headSize; d++) {
        if (d % LANES == 0) {
          key0 = loadK(kAt + row0 * params.kStride + d);
          key1 = loadK(kAt + row1 * params.kStride + d);
        }
        let element = loadQ(qAt + d);
        score0 += outer(fromLane4(key0, d % LANES), element);
        score1 += outer(fromLane4(key1, d % LANES), element);
      }
      score0 *= params.scale;
      score1 *= params.scale;
      if (HAS_REL || HAS_BIAS) {
        // Key by key in a loop that is not unrolled: eight times this code would take CPU adapters' compilers 10 s.
        for (var i = x; i < min(x + 8, part.columns); i++) {
          let score = above + placeScores(query, group.y, vec4u(y), vec4u(i));
          score0 += outer(vec4<f32>(x0 == vec4u(i)), score);
          score1 += outer(vec4<f32>(x1 == vec4u(i)), score);
        }
      }
      var fade: vec4<f32>;
      for (var i = 0u; i < 4; i++) {
        // Unseen keys get weight 0 without touching a NaN of a key that counts.
        let s0 = select(vec4<f32>(LOWEST), score0[i], x0 < vec4u(query.seen[i]));
        let s1 = select(vec4<f32>(LOWEST), score1[i], x1 < vec4u(query.seen[i]));
        let next = max(softmax.largest[i], largestOf(max(s0, s1)));
        score0[i] = weigh(s0 - next);
        score1[i] = weigh(s1 - next);
        fade[i] = exp2(softmax.largest[i] - next);
        softmax.largest[i] = next;
        softmax.total[i] = softmax.total[i] * fade[i] + dot(score0[i] + score1[i], vec4<f32>(1.0));
      }
      var value0: vec4<f32>;
      var value1: vec4<f32>;
      for (var d = 0u; d < params.headSize; d++) {
        if (d % LANES == 0) {
          value0 = loadV(vAt + row0 * params.vStride + d);
          value1 = loadV(vAt + row1 * params.vStride + d);
        }
        let sums = sumsAt(d, lane) * fade + fromLane4(value0, d % LANES) * score0;
        keepSums(d, lane, sums + fromLane4(value1, d % LANES) * score1);
      }
    }
  }
  for (var d = 0u; d < params.headSize; d++) {
    let y = sumsAt(d, lane) / softmax.total;
    for (var i = 0u; i < 4; i++) {
      if (token + i < part.queries) {
        out[query.row[i] * params.heads * params.headSize + head + d] = Elem(y[i]);
      }
    }
  }
}
