// conv2d: y = outAct(act(convolution(x, weight) + bias) * scale + residual). What lies beyond x is 0. Sums in f32.
// x: [B, H, W, C]; bias and scale: [O]; residual: [R, O], repeated down the B * OH * OW places of the result;
// y: [B, OH, OW, O], or [SPLITS, B, OH, OW, O] for splitSum to add.
// weight: [O, C / groups, KH, KW] as PyTorch stores it, for direct; else packed, for depthwise as [KH * KW, C], for the
// others as [KH * KW * C, N4 * 4], rows in the order (ky, kx, c) and padded with zeros to whole vec4s. Packed weights
// may be int8; weightScale [N4 * 4] then has the scale of each column.
//
// With packed weights a convolution is a product by lib/product.wgsl (implicit GEMM; Chetlur et al. 2014, cuDNN): the
// left operand, [B * OH * OW, KH * KW * C], has a row for each place of the result, the patch of x under the window
// there, which is read where it lies in x. A patch is pieces of neighbours in x: one piece for each of its rows, or for
// each of its pixels where the window is dilated. Epilogue: lib/epilogue.wgsl. fromInt8: lib/int8.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  M: u32, // B * OH * OW
  N: u32, // O
  K: u32, // KH * KW * C
  N4: u32,
  H: u32, W: u32, C: u32,
  OH: u32, OW: u32,
  KH: u32, KW: u32,
  groups: u32,
  strideH: u32, strideW: u32,
  paddingH: u32, paddingW: u32,
  dilationH: u32, dilationW: u32,
  pieceLength: u32, // elements of a piece: KW * C | C
  piecesAcross: u32, // pieces in a row of a patch: 1 | KW
  residualRows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<LeftWord>;
@group(0) @binding(1) var<storage, read> weight: array<RightWord>;
@group(0) @binding(2) var<storage, read> bias: array<OutWord>;
@group(0) @binding(3) var<storage, read> scale: array<OutWord>;
@group(0) @binding(4) var<storage, read> residual: array<OutWord>;
@group(0) @binding(5) var<storage, read> weightScale: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<OutWord>;
@group(0) @binding(7) var<uniform> params: Params;

// Where a patch begins. What lies above or left of the picture wraps around to numbers beyond every picture.
struct LeftRow {
  picture: u32, // first row of its picture in x
  top: u32, // in the picture
  left: u32,
}

// Where a piece begins: its index in x, and how many elements of its row of the picture are before it.
struct LeftPiece {
  first: u32,
  before: u32,
}

const BEYOND = 0x80000000u; // more elements than a row of a picture has

fn leftRow(batch: u32, row: u32) -> LeftRow {
  let place = min(row, params.M - 1);
  let top = place / params.OW % params.OH * params.strideH - params.paddingH;
  let left = place % params.OW * params.strideW - params.paddingW;
  return LeftRow(place / params.OW / params.OH * params.H, top, left);
}

// Four neighbours of a corner. They are a word of x where LEFT_WIDTH is 4: C is a multiple of 4 then.
fn left4(row: LeftRow, k: u32) -> vec4<f32> {
  var values = vec4<f32>();
  for (var i = 0u; i < 4 && k + i < params.K; i += LEFT_WIDTH) {
    let piece = leftPiece(row, (k + i) / params.pieceLength);
    let e = (k + i) % params.pieceLength;
    if (isInside(piece, e)) {
      let word = vec4<f32>(vec4<Elem>(x[(piece.first + e) / LEFT_WIDTH]));
      if (LEFT_WIDTH == 4u) {
        return word;
      }
      values[i] = word.x;
    }
  }
  return values;
}

fn leftPieces() -> u32 {
  return params.KH * params.piecesAcross;
}

fn pieceLength() -> u32 {
  return params.pieceLength;
}

fn leftPiece(row: LeftRow, i: u32) -> LeftPiece {
  return pieceOf(row, i / params.piecesAcross, i % params.piecesAcross);
}

fn pieceOf(corner: LeftRow, ky: u32, kx: u32) -> LeftPiece {
  let row = corner.top + ky * params.dilationH;
  let before = (corner.left + kx * params.dilationW) * params.C;
  return LeftPiece((corner.picture + row) * params.W * params.C + before, select(BEYOND, before, row < params.H));
}

fn isInside(piece: LeftPiece, e: u32) -> bool {
  return piece.before + e < params.W * params.C;
}

fn leftElement(piece: LeftPiece, e: u32) -> f32 {
  let inside = isInside(piece, e);
  let at = select(0u, piece.first + e, inside);
  return select(0.0, f32(vec4<Elem>(x[at / LEFT_WIDTH])[at % LEFT_WIDTH]), inside);
}

fn rightColumn(batch: u32, col4: u32) -> u32 {
  return min(col4, params.N4 - 1);
}

fn right4(at: u32) -> vec4<f32> {
  return rightValues(weight[at]);
}

fn rightScale(batch: u32, col4: u32) -> vec4<f32> {
  return weightScale[col4];
}

fn biasIndex(batch: u32, col: u32) -> u32 {
  return col;
}

// One element of y a thread, with weights as PyTorch stores them: groups, of which a depthwise convolution has C.
@compute @workgroup_size(WG)
fn direct(thread: Invocation) {
  let at = flatIndex(thread);
  if (at >= params.M * params.N) {
    return;
  }
  let place = at / params.N;
  let o = at % params.N;
  let corner = leftRow(0, place);
  let depth = params.C / params.groups;
  let channel = o / (params.N / params.groups) * depth;
  var sum = 0.0;
  for (var ky = 0u; ky < params.KH; ky++) {
    for (var kx = 0u; kx < params.KW; kx++) {
      let pixel = pieceOf(corner, ky, kx);
      var w = (o * depth * params.KH + ky) * params.KW + kx;
      for (var c = 0u; c < depth; c++) {
        sum += leftElement(pixel, channel + c) * right4(w).x;
        w += params.KH * params.KW;
      }
    }
  }
  let indices = EpilogueIndices(o, o, place % params.residualRows * params.N + o);
  storeOut(at, epilogue(vec4<f32>(sum), indices, 1), 1);
}

// Each channel by itself, one vec4 of channels of one place a thread: groups = C = O, a multiple of 4.
@compute @workgroup_size(WG)
fn depthwise(thread: Invocation) {
  let at = flatIndex(thread);
  if (at >= params.M * params.N4) {
    return;
  }
  let place = at / params.N4;
  let col4 = at % params.N4;
  let corner = leftRow(0, place);
  var sum = vec4<f32>();
  for (var ky = 0u; ky < params.KH; ky++) {
    let row = corner.top + ky * params.dilationH;
    if (row >= params.H) {
      continue;
    }
    for (var kx = 0u; kx < params.KW; kx++) {
      let left = corner.left + kx * params.dilationW;
      if (left >= params.W) {
        continue;
      }
      let pixel = vec4<f32>(vec4<Elem>(x[((corner.picture + row) * params.W + left) * params.N4 + col4]));
      sum += pixel * right4((ky * params.KW + kx) * params.N4 + col4);
    }
  }
  store(sum, Tile(), place, col4);
}
