// rope: rotary position embedding of the patch tokens: y = x * cos + rotateHalf(x) * sin within each head, where
// rotateHalf(x) = [-second half, first half]. The first `prefix` tokens of a picture are copied as they are.
// x, y: [B, T, H * D]; cos, sin: [T - prefix, D] in f32. One element of y a thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params { count: u32, tokens: u32, channels: u32, prefix: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> cosine: array<f32>;
@group(0) @binding(2) var<storage, read> sine: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<uniform> params: Params;

override D: u32 = 64; // head size

fn compute(i: u32) {
  let token = (i / params.channels) % params.tokens;
  if (token < params.prefix) {
    y[i] = x[i];
    return;
  }
  let d = (i % params.channels) % D;
  let isFirst = d < D / 2;
  let other = f32(x[select(i - D / 2, i + D / 2, isFirst)]);
  let at = (token - params.prefix) * D + d;
  y[i] = Elem(f32(x[i]) * cosine[at] + select(other, -other, isFirst) * sine[at]);
}
