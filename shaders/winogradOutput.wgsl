// winogradOutput: y = outAct(act(Aᵀ m A + bias) * scale + residual), 2 x 2 places of y from the 4 x 4 products m of
// each tile: the last step of a 3 x 3 convolution with stride 1 (see winogradInput.wgsl), with the epilogue of conv2d.
// m: [16, B * TH * TW, O]; bias, scale: [O]; residual: [R, O], repeated down the places of y; y: [B, OH, OW, O]; O a
// multiple of 4. One vec4 of channels of a tile a thread: lib/flat.wgsl. Epilogue: lib/epilogue.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // tiles * O / 4
  OH: u32,
  OW: u32,
  O4: u32, // vec4s of a place
  TH: u32, // tiles of a picture
  TW: u32,
  residualRows: u32,
}

@group(0) @binding(0) var<storage, read> m: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> bias: array<OutWord>;
@group(0) @binding(2) var<storage, read> scale: array<OutWord>;
@group(0) @binding(3) var<storage, read> residual: array<OutWord>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(5) var<uniform> params: Params;

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

// Writes channels 4 * o4 .. + 3 of a place; `picture` is the first row of its picture in y.
fn store(sums: vec4<f32>, o4: u32, picture: u32, row: u32, col: u32) {
  let place = (picture + row) * params.OW + col;
  let residualIndex = (place % params.residualRows * params.O4 + o4) * 4;
  y[place * params.O4 + o4] = vec4<Elem>(epilogue(sums, EpilogueIndices(o4 * 4, o4 * 4, residualIndex), 4));
}

fn compute(at: u32) {
  let o4 = at % params.O4;
  let tile = at / params.O4;
  let picture = tile / params.TW / params.TH * params.OH;
  let row = tile / params.TW % params.TH * 2;
  let col = tile % params.TW * 2;
  let s0 = down(at, 0);
  let s1 = down(at, 1);
  let s2 = down(at, 2);
  let s3 = down(at, 3);
  let places = array(
    array(s0[0] + s1[0] + s2[0], s1[0] - s2[0] - s3[0]),
    array(s0[1] + s1[1] + s2[1], s1[1] - s2[1] - s3[1]),
  );
  // Lengths that compilers do not see through: four epilogues side by side take them seconds.
  let rows = select(2u, params.OH - row, row + 2 > params.OH);
  let columns = select(2u, params.OW - col, col + 2 > params.OW);
  for (var i = 0u; i < rows; i++) {
    for (var j = 0u; j < columns; j++) {
      store(places[i][j], o4, picture, row + i, col + j);
    }
  }
}
