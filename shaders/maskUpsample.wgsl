// maskUpsample: SAM's low-resolution logits at the size of the picture: bilinear from L x L to the padded square S x S,
// cut to the part that the picture takes, bilinear from there to H x W (torch.nn.functional.interpolate, align_corners
// False, twice); the square is computed where it is read and never stored.
// x: [masks, L, L], of which with HAS_IDS those are taken that ids [masks of y] name.
// Of the H rows, y has `rows` from `first` on. logits: y [masks, rows, W] f32, an element a thread.
// bits: y [masks, PLANES, W, ceil(rows / 32)] u32, column by column; bit i of word w is set where the logit of row
// 32 w + i is above the threshold; of three planes the second and third have the threshold moved up and down by
// `offset`.

alias Elem = f32; // f32 | f16
alias Out = f32; // f32 | u32

struct Params {
  count: u32, // elements of y, or of one of its planes
  L: u32,
  S: u32,
  cutH: u32,
  cutW: u32,
  H: u32,
  W: u32,
  threshold: f32,
  offset: f32,
  first: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Out>;
@group(0) @binding(3) var<uniform> params: Params;

override PLANES: u32 = 1; // of bits: 1 | 3
override HAS_IDS: bool = false;

// The mask of x that becomes mask `i` of y.
fn sourceOf(i: u32) -> u32 {
  if (HAS_IDS) {
    return u32(ids[i]);
  }
  return i;
}

// Where an output pixel falls between two input pixels, of which there are `size`.
struct Tap {
  low: u32,
  high: u32,
  share: f32, // of the high one
}

fn tapOf(pixel: u32, size: u32, scale: f32) -> Tap {
  let place = max((f32(pixel) + 0.5) * scale - 0.5, 0.0);
  let low = min(u32(place), size - 1);
  return Tap(low, min(low + 1, size - 1), place - f32(low));
}

fn lowRow(mask: u32, row: u32, cols: Tap) -> f32 {
  let at = (mask * params.L + row) * params.L;
  return f32(x[at + cols.low]) * (1.0 - cols.share) + f32(x[at + cols.high]) * cols.share;
}

fn square(mask: u32, row: u32, cols: Tap) -> f32 {
  let rows = tapOf(row, params.L, f32(params.L) / f32(params.S));
  return lowRow(mask, rows.low, cols) * (1.0 - rows.share) + lowRow(mask, rows.high, cols) * rows.share;
}

fn logitAt(mask: u32, row: u32, col: u32) -> f32 {
  let rows = tapOf(row, params.cutH, f32(params.cutH) / f32(params.H));
  let cols = tapOf(col, params.cutW, f32(params.cutW) / f32(params.W));
  let scale = f32(params.L) / f32(params.S);
  let left = tapOf(cols.low, params.L, scale);
  let right = tapOf(cols.high, params.L, scale);
  let upper = square(mask, rows.low, left) * (1.0 - cols.share) + square(mask, rows.low, right) * cols.share;
  let lower = square(mask, rows.high, left) * (1.0 - cols.share) + square(mask, rows.high, right) * cols.share;
  return upper * (1.0 - rows.share) + lower * rows.share;
}

@compute @workgroup_size(WG)
fn logits(thread: Invocation) {
  let at = flatIndex(thread);
  if (at < params.count) {
    let row = params.first + at / params.W % params.rows;
    y[at] = Out(logitAt(sourceOf(at / params.W / params.rows), row, at % params.W));
  }
}

// The column of output that the taps meet, in row `row` of the low-resolution logits.
fn lowColumn(mask: u32, row: u32, cols: Tap, left: Tap, right: Tap) -> f32 {
  return lowRow(mask, row, left) * (1.0 - cols.share) + lowRow(mask, row, right) * cols.share;
}

// 32 rows of one column a thread: they meet few rows of the low-resolution logits, which are kept. As S >= L, a pixel
// meets three at most.
@compute @workgroup_size(WG)
fn bits(thread: Invocation) {
  let at = flatIndex(thread);
  if (at >= params.count) {
    return;
  }
  let words = (params.rows + 31) / 32;
  let first = at % words * 32;
  let col = at / words % params.W;
  let mask = at / words / params.W;
  let source = sourceOf(mask);
  let scale = f32(params.L) / f32(params.S);
  let cols = tapOf(col, params.cutW, f32(params.cutW) / f32(params.W));
  let left = tapOf(cols.low, params.L, scale);
  let right = tapOf(cols.high, params.L, scale);
  var word = vec3u();
  var kept = vec3<f32>(); // rows `top` and the two below it
  var top = params.L;
  for (var i = 0u; i < 32 && first + i < params.rows; i++) {
    let rows = tapOf(params.first + first + i, params.cutH, f32(params.cutH) / f32(params.H));
    let upper = tapOf(rows.low, params.L, scale);
    let lower = tapOf(rows.high, params.L, scale);
    if (upper.low != top) {
      top = upper.low;
      let most = params.L - 1;
      kept = vec3<f32>(
        lowColumn(source, top, cols, left, right),
        lowColumn(source, min(top + 1, most), cols, left, right),
        lowColumn(source, min(top + 2, most), cols, left, right),
      );
    }
    let above = mix(kept[upper.low - top], kept[upper.high - top], upper.share);
    let below = mix(kept[lower.low - top], kept[lower.high - top], lower.share);
    let logit = mix(above, below, rows.share);
    let limits = params.threshold + vec3<f32>(0.0, params.offset, -params.offset);
    word |= select(vec3u(), vec3u(1u << i), vec3<f32>(logit) > limits);
  }
  let plane = params.W * words;
  for (var i = 0u; i < PLANES; i++) {
    y[(mask * PLANES + i) * plane + at % plane] = Out(word[i]);
  }
}
