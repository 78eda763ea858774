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

// Between two rows of the cut, and between two columns of it.
fn rowTap(row: u32) -> Tap {
  return tapOf(row, params.cutH, f32(params.cutH) / f32(params.H));
}

fn colTap(col: u32) -> Tap {
  return tapOf(col, params.cutW, f32(params.cutW) / f32(params.W));
}

// Between two rows or columns of x, of a pixel of the square.
fn lowTap(pixel: u32) -> Tap {
  return tapOf(pixel, params.L, f32(params.L) / f32(params.S));
}

fn lowRow(mask: u32, row: u32, cols: Tap) -> f32 {
  let at = (mask * params.L + row) * params.L;
  return f32(x[at + cols.low]) * (1.0 - cols.share) + f32(x[at + cols.high]) * cols.share;
}

fn square(mask: u32, row: u32, cols: Tap) -> f32 {
  let rows = lowTap(row);
  return lowRow(mask, rows.low, cols) * (1.0 - rows.share) + lowRow(mask, rows.high, cols) * rows.share;
}

fn logitAt(mask: u32, row: u32, col: u32) -> f32 {
  let rows = rowTap(row);
  let cols = colTap(col);
  let left = lowTap(cols.low);
  let right = lowTap(cols.high);
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
  let cols = colTap(col);
  let left = lowTap(cols.low);
  let right = lowTap(cols.high);
  let limits = params.threshold + vec3<f32>(0.0, 1.0, -1.0) * params.offset;
  let last = min(first + 32, params.rows) - 1;
  // Every logit of the word lies between those of its column that it meets. Most words are all inside or all outside of
  // the mask; where these logits are, by more than what rounding adds, the rows need not be looked at.
  let highest = lowTap(rowTap(params.first + last).high).high;
  var row = lowTap(rowTap(params.first + first).low).low;
  var isInside = true;
  var isOutside = true;
  for (; row <= highest && (isInside || isOutside); row++) {
    let logit = lowColumn(source, row, cols, left, right);
    let rounding = 1e-5 * abs(logit);
    isInside &= all(vec3<f32>(logit - rounding) > limits);
    isOutside &= !any(vec3<f32>(logit + rounding) > limits);
  }
  var word = vec3u(select(0, 0xffffffffu >> (31 - last + first), isInside));
  var kept = vec3<f32>(); // rows `top` and the two below it
  var top = params.L;
  for (var i = 0u; i <= last - first && !(isInside || isOutside); i++) {
    let rows = rowTap(params.first + first + i);
    let upper = lowTap(rows.low);
    let lower = lowTap(rows.high);
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
    word |= select(vec3u(), vec3u(1u << i), vec3<f32>(logit) > limits);
  }
  let plane = params.W * words;
  for (var i = 0u; i < PLANES; i++) {
    y[(mask * PLANES + i) * plane + at % plane] = Out(word[i]);
  }
}
