// matmul: y = outAct(act(a · b + bias) * scale + residual). Sums in f32.
// a: [batch, M, K]; b: [K, N4 * 4], or one such matrix for each batch, each row padded with zeros to whole vec4s; int8
// where bScale, [N4 * 4] or [batch, N4 * 4], has the scale of each column; bias: [N] or [batch, N]; scale: [N];
// residual: [R, N], repeated down the rows; y: [batch, M, N], or [SPLITS, M, N] for splitSum to add.
// The loops over tiles, and what one thread does in them: lib/product.wgsl, to which this file gives a as the left
// operand and b as the right one. Epilogue: lib/epilogue.wgsl. fromInt8: lib/int8.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  M: u32,
  N: u32,
  K: u32,
  N4: u32,
  bStride: u32, // vec4s from one batch's b to the next; 0 where all share one
  residualRows: u32,
  biasStride: u32, // elements from one batch's bias to the next; 0 where all share one
}

@group(0) @binding(0) var<storage, read> a: array<LeftWord>;
@group(0) @binding(1) var<storage, read> b: array<RightWord>;
@group(0) @binding(2) var<storage, read> bias: array<OutWord>;
@group(0) @binding(3) var<storage, read> scale: array<OutWord>;
@group(0) @binding(4) var<storage, read> residual: array<OutWord>;
@group(0) @binding(5) var<storage, read> bScale: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<OutWord>;
@group(0) @binding(7) var<uniform> params: Params;

// A row of a, and its only piece: the index of its first element.
alias LeftRow = u32;
alias LeftPiece = u32;

fn leftRow(batch: u32, row: u32) -> LeftRow {
  return (batch * params.M + min(row, params.M - 1)) * params.K;
}

fn left4(row: LeftRow, k: u32) -> vec4<f32> {
  if (LEFT_WIDTH == 4u) {
    return vec4<f32>(vec4<Elem>(a[(row + k) / LEFT_WIDTH]));
  }
  var values = vec4<f32>();
  for (var i = 0u; i < 4; i++) {
    if (k + i < params.K) {
      values[i] = leftElement(row, k + i);
    }
  }
  return values;
}

fn leftPieces() -> u32 {
  return 1;
}

fn pieceLength() -> u32 {
  return params.K;
}

fn leftPiece(row: LeftRow, i: u32) -> LeftPiece {
  return row;
}

fn leftElement(piece: LeftPiece, e: u32) -> f32 {
  let at = piece + e;
  return f32(vec4<Elem>(a[at / LEFT_WIDTH])[at % LEFT_WIDTH]);
}

fn rightColumn(batch: u32, col4: u32) -> u32 {
  return batch * params.bStride + min(col4, params.N4 - 1);
}

fn right4(at: u32) -> vec4<f32> {
  return rightValues(b[at]);
}

fn rightScale(batch: u32, col4: u32) -> vec4<f32> {
  return bScale[select(0u, batch * params.N4, params.bStride > 0) + col4];
}

fn biasIndex(batch: u32, col: u32) -> u32 {
  return batch * params.biasStride + col;
}
