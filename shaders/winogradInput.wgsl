// winogradInput: y = Bᵀ d B for each tile d of x, 4 x 4 places that begin at every second one: what the windows of a
// 3 x 3 convolution with stride 1 see, in the form in which it is a product for each of 16 elements (Lavin and Gray
// 2015, section 4.1: F(2 x 2, 3 x 3)).
// x: [B, H, W, C], 0 beyond it; y: [16, B * TH * TW, C]; C a multiple of 4. One vec4 of channels of a tile a
// thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // tiles * C / 4
  H: u32,
  W: u32,
  C4: u32, // vec4s of a place
  TH: u32, // tiles of a picture
  TW: u32,
  paddingH: u32,
  paddingW: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

fn place(picture: u32, row: u32, col: u32, c4: u32) -> vec4<f32> {
  // Above and left of x the numbers have wrapped around.
  let isInside = row < params.H && col < params.W;
  let at = ((picture + row) * params.W + col) * params.C4 + c4;
  return select(vec4<f32>(), vec4<f32>(x[select(0u, at, isInside)]), isInside);
}

// A row of d times B.
fn across(picture: u32, row: u32, left: u32, c4: u32) -> array<vec4<f32>, 4> {
  let d0 = place(picture, row, left, c4);
  let d1 = place(picture, row, left + 1, c4);
  let d2 = place(picture, row, left + 2, c4);
  let d3 = place(picture, row, left + 3, c4);
  return array(d0 - d2, d1 + d2, d2 - d1, d1 - d3);
}

// Bᵀ times a column.
fn store(at: u32, column: u32, t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>) {
  y[column * params.count + at] = vec4<Elem>(t0 - t2);
  y[(4 + column) * params.count + at] = vec4<Elem>(t1 + t2);
  y[(8 + column) * params.count + at] = vec4<Elem>(t2 - t1);
  y[(12 + column) * params.count + at] = vec4<Elem>(t1 - t3);
}

fn compute(at: u32) {
  let c4 = at % params.C4;
  let tile = at / params.C4;
  let picture = tile / params.TW / params.TH * params.H;
  let top = tile / params.TW % params.TH * 2 - params.paddingH;
  let left = tile % params.TW * 2 - params.paddingW;
  let t0 = across(picture, top, left, c4);
  let t1 = across(picture, top + 1, left, c4);
  let t2 = across(picture, top + 2, left, c4);
  let t3 = across(picture, top + 3, left, c4);
  store(at, 0, t0[0], t1[0], t2[0], t3[0]);
  store(at, 1, t0[1], t1[1], t2[1], t3[1]);
  store(at, 2, t0[2], t1[2], t2[2], t3[2]);
  store(at, 3, t0[3], t1[3], t2[3], t3[3]);
}
