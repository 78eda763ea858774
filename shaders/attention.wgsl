// attention: softmax(q · kᵀ * scale + position score) · v for each head, with a running maximum and sum, so that scores
// are never stored.
// q: rows [batch, Tq], k and v: rows [batch, Tk]; a row holds heads side by side, H * D elements from an offset, with
// any stride between rows, so that a packed [q | k | v] is read in place. out: [batch, Tq, H * D]. Sums in f32.
// With GRID, tokens are the places of a map, and those of one window see each other. A window that reaches beyond the
// map has keys there too, all equal to one row `pad`. The position score of a query and a key of a window is
// rel[query, head, key's row] + rel[query, head, rows + key's column] (Li et al. 2021: decomposed), or
// bias[head, query's row - key's row + rows - 1, query's column - key's column + columns - 1] (Liu et al. 2021: Swin).
// The loop is added at launch: lib/attentionFlashTile.wgsl for GPUs, lib/attentionRegisterTile.wgsl for CPU adapters.

alias Elem = f32; // f32 | f16
alias RowWord = vec4<Elem>; // vec4<Elem> where rows, offsets and heads are whole vec4s and the loop reads such; or Elem

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
  headSize: u32,
  scale: f32, // includes log2(e): weights are powers of 2
  height: u32, // places of a map
  width: u32,
  windowHeight: u32,
  windowWidth: u32,
}

@group(0) @binding(0) var<storage, read> q: array<RowWord>;
@group(0) @binding(1) var<storage, read> k: array<RowWord>;
@group(0) @binding(2) var<storage, read> v: array<RowWord>;
@group(0) @binding(3) var<storage, read> pad: array<RowWord>; // a row like those of k and v
@group(0) @binding(4) var<storage, read> rel: array<Elem>; // [batch, Tq, H, windowHeight + windowWidth]
@group(0) @binding(5) var<storage, read> bias: array<Elem>; // [H, 2 windowHeight - 1, 2 windowWidth - 1]
@group(0) @binding(6) var<storage, read_write> out: array<RowWord>;
@group(0) @binding(7) var<uniform> params: Params;

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
    return queriesOfWindow(tokens, part, params.width, params.windowWidth);
  }
  let seen = select(vec4u(part.columns), tokens + 1 + part.columns - part.queries, CAUSAL);
  return Queries(part.firstQuery + tokens, vec4u(), seen);
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
    let middleRow = head * (2 * params.windowHeight - 1) + params.windowHeight - 1; // of no difference
    let middle = placeOf(vec4u(middleRow), vec4u(params.windowWidth - 1), params.windowWidth);
    let at = middle + query.place - placeOf(y, x, params.windowWidth);
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
