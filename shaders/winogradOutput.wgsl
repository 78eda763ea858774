// winogradOutput: y = outAct(act(Aᵀ m A + bias) + residual), 2 x 2 places of y from the 4 x 4 products m of each tile:
// the last step of a 3 x 3 convolution with stride 1 (see winogradInput.wgsl), with the epilogue of conv2d.
// m: [16, B * TH * TW, O]; bias: [O]; residual and y: [B, OH, OW, O]; O a multiple of 4. One vec4 of channels of a tile
// a thread. Activations: lib/activation.wgsl, lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // tiles * O / 4
  OH: u32,
  OW: u32,
  O4: u32, // vec4s of a place
  TH: u32, // tiles of a picture
  TW: u32,
}

@group(0) @binding(0) var<storage, read> m: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> bias: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> residual: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64;
override ACTIVATION: u32 = 0;
override OUTPUT_ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;
override HAS_RESIDUAL: bool = false;

fn product(at: u32, element: u32) -> vec4<f32> {
  return vec4<f32>(m[element * params.count + at]);
}

// Aᵀ times a column of m.
fn down(at: u32, column: u32) -> array<vec4<f32>, 2> {
  let m0 = product(at, column);
  let m1 = product(at, 4 + column);
  let m2 = product(at, 8 + column);
  let m3 = product(at, 12 + column);
  return array(m0 + m1 + m2, m1 - m2 - m3);
}

fn store(sum: vec4<f32>, o4: u32, picture: u32, row: u32, col: u32) {
  if (row >= params.OH || col >= params.OW) {
    return;
  }
  let at = ((picture + row) * params.OW + col) * params.O4 + o4;
  var value = sum;
  if (HAS_BIAS) {
    value += vec4<f32>(bias[o4]);
  }
  value = activate4(ACTIVATION, value);
  if (HAS_RESIDUAL) {
    value += vec4<f32>(residual[at]);
  }
  y[at] = vec4<Elem>(activate4(OUTPUT_ACTIVATION, value));
}

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
  let o4 = at % params.O4;
  let tile = at / params.O4;
  let picture = tile / params.TW / params.TH * params.OH;
  let row = tile / params.TW % params.TH * 2;
  let col = tile % params.TW * 2;
  let s0 = down(at, 0);
  let s1 = down(at, 1);
  let s2 = down(at, 2);
  let s3 = down(at, 3);
  store(s0[0] + s1[0] + s2[0], o4, picture, row, col);
  store(s1[0] - s2[0] - s3[0], o4, picture, row, col + 1);
  store(s0[1] + s1[1] + s2[1], o4, picture, row + 1, col);
  store(s1[1] - s2[1] - s3[1], o4, picture, row + 1, col + 1);
}
