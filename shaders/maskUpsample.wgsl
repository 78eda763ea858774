// maskUpsample: SAM's low-resolution logits at the size of the picture: bilinear from L x L to the padded square S x S,
// cut to the part that the picture takes, bilinear from there to H x W (torch.nn.functional.interpolate, align_corners
// False, twice); the square is computed where it is read and never stored.
// x: [masks, L, L]. logits: y [masks, H, W] f32. bits: y [masks, W, ceil(H / 32)] u32, column by column; bit i of word
// w is set where the logit of row 32 w + i is above the threshold. One element of y a thread.

alias Elem = f32; // f32 | f16
alias Out = f32; // f32 | u32

struct Params {
  count: u32, // elements of y
  L: u32,
  S: u32,
  cutH: u32,
  cutW: u32,
  H: u32,
  W: u32,
  threshold: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Out>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64;

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
fn logits(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at < params.count) {
    y[at] = Out(logitAt(at / params.W / params.H, at / params.W % params.H, at % params.W));
  }
}

@compute @workgroup_size(WG)
fn bits(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at >= params.count) {
    return;
  }
  let words = (params.H + 31) / 32;
  let first = at % words * 32;
  var word = 0u;
  for (var i = 0u; i < 32 && first + i < params.H; i++) {
    let logit = logitAt(at / words / params.W, first + i, at / words % params.W);
    word |= select(0u, 1u << i, logit > params.threshold);
  }
  y[at] = Out(word);
}
