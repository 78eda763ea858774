// splitSum: adds the parts of a product whose K was split (matmul, conv2d) in order, and applies its epilogue:
// y = outAct(act(Σ parts + bias) * scale + residual).
// parts: [splits, rows, N]; bias, scale: [N]; residual: [R, N], repeated down the rows; y: [rows, N]. Up to four
// neighbours of a row of y a thread; N4 threads, N / 4 rounded up, share out a row. Entry point: lib/flat.wgsl.
// Epilogue: lib/epilogue.wgsl.

alias Elem = f32; // f32 | f16

struct Params { count: u32, rows: u32, N: u32, N4: u32, splits: u32, residualRows: u32 }

@group(0) @binding(0) var<storage, read> parts: array<OutWord>;
@group(0) @binding(1) var<storage, read> bias: array<OutWord>;
@group(0) @binding(2) var<storage, read> scale: array<OutWord>;
@group(0) @binding(3) var<storage, read> residual: array<OutWord>;
@group(0) @binding(4) var<storage, read_write> y: array<OutWord>;
@group(0) @binding(5) var<uniform> params: Params;

// Elements at .. at + 3 of parts, of which the first `count` are in the row.
fn partAt(at: u32, count: u32) -> vec4<f32> {
  if (OUT_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(parts[at / OUT_WIDTH]));
  }
  var values = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    values[i] = f32(vec4<Elem>(parts[at + i]).x);
  }
  return values;
}

fn compute(index: u32) {
  let row = index / params.N4;
  let col = index % params.N4 * 4;
  let count = min(4u, params.N - col);
  let at = row * params.N + col;
  var sums = vec4<f32>();
  for (var part = 0u; part < params.splits; part++) {
    sums += partAt(part * params.rows * params.N + at, count);
  }
  let values = epilogue(sums, EpilogueIndices(col, col, row % params.residualRows * params.N + col), count);
  storeOut(at, values, count);
}
