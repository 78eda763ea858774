// conv2d: y = act(convolution(x, weight) + bias), the plain form: one element of y a thread. Sums in f32.
// x: [B, H, W, C]; weight: [O, C / groups, KH, KW] as PyTorch stores it; bias: [O]; y: [B, OH, OW, O].
// What lies beyond x is 0. Activations: lib/activation.wgsl, lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // elements of y
  H: u32,
  W: u32,
  C: u32,
  OH: u32,
  OW: u32,
  O: u32,
  KH: u32,
  KW: u32,
  groups: u32,
  strideH: u32,
  strideW: u32,
  paddingH: u32,
  paddingW: u32,
  dilationH: u32,
  dilationW: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> weight: array<Elem>;
@group(0) @binding(2) var<storage, read> bias: array<Elem>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64;
override ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at >= params.count) {
    return;
  }
  let o = at % params.O;
  let place = at / params.O;
  let row = place / params.OW % params.OH * params.strideH; // of the window's corner, counted from the padding's edge
  let col = place % params.OW * params.strideW;
  let image = place / params.OW / params.OH * params.H;
  let depth = params.C / params.groups;
  let channel = o / (params.O / params.groups) * depth;
  var sum = 0.0;
  for (var ky = 0u; ky < params.KH; ky++) {
    // Left of the edge the difference wraps around to a number beyond every picture.
    let iy = row + ky * params.dilationH - params.paddingH;
    if (iy >= params.H) {
      continue;
    }
    for (var kx = 0u; kx < params.KW; kx++) {
      let ix = col + kx * params.dilationW - params.paddingW;
      if (ix >= params.W) {
        continue;
      }
      let pixel = ((image + iy) * params.W + ix) * params.C + channel;
      var w = (o * depth * params.KH + ky) * params.KW + kx;
      for (var c = 0u; c < depth; c++) {
        sum += f32(x[pixel + c]) * f32(weight[w]);
        w += params.KH * params.KW;
      }
    }
  }
  if (HAS_BIAS) {
    sum += f32(bias[o]);
  }
  y[at] = Elem(select(activate(ACTIVATION, sum), sum, isNan(sum)));
}
