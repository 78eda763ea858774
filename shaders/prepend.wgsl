// prepend: y[b] = [token; x[b]] + positions: what a vision transformer does after its patch embedding.
// x: [B, T, cols]; token: [prefix, cols], the same for the whole batch; positions: [prefix + T, cols], or absent;
// y: [B, prefix + T, cols]. One word of y a thread: lib/words.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  words: u32,
  tokens: u32, // T
  prefix: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> token: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> positions: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(4) var<uniform> params: Params;

override HAS_POSITIONS: bool = false;

// Element i of x; with WIDE the word that begins there.
fn xAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return x[i / 4];
  }
  return vec4<Elem>(x[i / 4][i % 4]);
}

// Element i of token; with WIDE the word that begins there.
fn tokenAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return token[i / 4];
  }
  return vec4<Elem>(token[i / 4][i % 4]);
}

// Element i of positions; with WIDE the word that begins there.
fn positionsAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return positions[i / 4];
  }
  return vec4<Elem>(positions[i / 4][i % 4]);
}

fn valuesAt(i: u32) -> vec4<Elem> {
  let prefix = params.prefix * params.cols; // elements of one picture
  let tokens = params.tokens * params.cols;
  let picture = i / (prefix + tokens);
  let at = i - picture * (prefix + tokens);
  var values = vec4<f32>();
  if (at < prefix) {
    values = vec4<f32>(tokenAt(at));
  } else {
    values = vec4<f32>(xAt(picture * tokens + at - prefix));
  }
  if (HAS_POSITIONS) {
    values += vec4<f32>(positionsAt(at));
  }
  return vec4<Elem>(values);
}
