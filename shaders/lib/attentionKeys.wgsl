// What the variants of attention for GPUs have in common: heads in vec4s, and where keys lie and how they are scored.
// Bindings, params and scores of positions are in attention.wgsl.

const D = 64u; // head size
const D4 = (D + 3) / 4;
const KEYS = 1u; // neighbours of which all or none are in a row of a window, of scores of positions `rel`: 1 | 2 | 4

// The i-th vec4 of a head; what lies beyond the head is 0.
fn within(x: vec4<Elem>, i: u32) -> vec4<Elem> {
  if (D % 4 == 0u) {
    return x;
  }
  return select(vec4<Elem>(), x, i * 4 + vec4u(0, 1, 2, 3) < vec4u(D));
}

fn keyRow(key: u32, part: Part) -> u32 {
  if (GRID) {
    return part.firstKey + key / part.columns * params.width + key % part.columns;
  }
  return part.firstKey + key;
}

// A key's products with four queries as scores; LOWEST where they do not see it.
fn scored(sums: vec4<f32>, key: u32, keys: u32, query: Queries, head: u32, part: Part) -> vec4<f32> {
  var score = sums * params.scale;
  var x = min(key, keys - 1);
  if (GRID) {
    let y = x / part.columns;
    x -= y * part.columns;
    score += rowScores(query, head, vec4u(y)) + placeScores(query, head, vec4u(y), vec4u(x));
  }
  return select(vec4<f32>(LOWEST), score, vec4<bool>(key < keys) & (vec4u(x) < query.seen));
}

// Scores of positions of four queries and KEYS neighbours, [key], that are of one row: each query's are read at once.
fn neighbourScores(first: u32, keys: u32, query: Queries, head: u32, part: Part) -> mat4x4<f32> {
  let key = min(first, keys - KEYS);
  let y = key / part.columns;
  let x = key - y * part.columns;
  let lines = (params.windowHeight + params.windowWidth) / KEYS;
  let at = ((query.row * params.heads + head) * lines + (params.windowHeight + x) / KEYS) * KEYS;
  let above = rowScores(query, head, vec4u(y));
  var scores: mat4x4<f32>;
  for (var j = 0u; j < KEYS; j++) {
    let i = at + j;
    scores[j] = above + LOG2E * vec4<f32>(f32(rel[i.x]), f32(rel[i.y]), f32(rel[i.z]), f32(rel[i.w]));
  }
  return scores;
}
