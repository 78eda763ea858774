// A matrix product, result = left · right, [M, K] by [K, N], or one such product for each batch: what matmul and conv2d
// have in common. A loop over tiles of the result (productRegisterTile.wgsl, productSubgroupTile.wgsl,
// productSharedTile.wgsl, productSubgroupMatrixTile.wgsl, productGemv.wgsl) is added at launch. It calls what the
// kernel's own file defines:
//
//   params.M, params.K, params.N4   rows of the result, terms of a sum, vec4s in a row of the right operand
//   LeftRow, leftRow(batch, row)    a row of the left operand: a value of any type, made once for all of its elements;
//                                   of rows beyond M the last one
//   left4(row, k)                   elements k .. k + 3 of it, k < K; those beyond K are 0
//   leftPieces(), pieceLength()     a row is so many pieces, each of so many elements that are neighbours in memory
//   LeftPiece, leftPiece(row, i)    piece i of a row: a value of any type, made once for all of its elements
//   leftElement(piece, e)           element e of it
//   rightColumn(batch, col4)        index of row 0, columns 4 * col4 .. + 3 of the right operand; the row below is N4
//                                   further; of columns beyond N4 the last one
//   right4(at)                      the four elements at such an index: rightValues of the binding's word
//   rightScale(batch, col4)         what four columns of sums are multiplied by where the right operand is int8
//   biasIndex(batch, col)           index of a column's bias
//   params.N, params.residualRows   columns of the result; rows of the residual, which repeats down the result's
//   y                               the binding that takes the result, by storeOut of lib/outVectors.wgsl or
//                                   lib/outElements.wgsl

alias LeftWord = vec4<Elem>; // vec4<Elem> where a loop may read four elements at once, else Elem
const LEFT_WIDTH = 4u; // elements of a LeftWord: 4 | 1
alias RightWord = vec4<Elem>; // u32 where the right operand is int8
alias RightLanes = vec4<Elem>; // vec4u where the right operand is int8
const INT8 = false; // the right operand is int8

override SPLITS: u32 = 1; // parts of K, each summed by workgroups of its own: the result is then [SPLITS, M, N]

// The part of the result that a workgroup computes.
struct Tile {
  row: u32, // its first row
  col4: u32, // its first column / 4
  batch: u32,
  part: u32, // which of the SPLITS
}

// The tile of rows x 4 * cols4 elements of a workgroup. In x and y all tiles of a batch, side by side along a row of
// the result first; in z the batches, or the parts of K. Tiles beyond the last have a row beyond M.
fn tileOf(workgroup: Workgroup, rows: u32, cols4: u32) -> Tile {
  let across = (params.N4 + cols4 - 1) / cols4;
  let index = groupIndex(workgroup);
  return tileAt(index / across * rows, index % across * cols4, workgroup);
}

// The same with tiles one below the other first. Tiles beyond the last have a column beyond N.
fn tileOfColumn(workgroup: Workgroup, rows: u32, cols4: u32) -> Tile {
  let down = (params.M + rows - 1) / rows;
  let index = groupIndex(workgroup);
  return tileAt(index % down * rows, index / down * cols4, workgroup);
}

fn tileAt(row: u32, col4: u32, workgroup: Workgroup) -> Tile {
  let z = workgroup.group.z;
  return Tile(row, col4, select(z, 0u, SPLITS > 1), select(0u, z, SPLITS > 1));
}

// First term of a tile's part of K, and the one after its last. Parts are whole vec4s.
fn termsOf(tile: Tile) -> vec2u {
  let size = ((params.K + 4 * SPLITS - 1) / (4 * SPLITS)) * 4;
  return vec2u(tile.part * size, min((tile.part + 1) * size, params.K));
}

// Four elements of the right operand from the word that holds them; int8 as whole numbers, which store scales.
fn rightValues(word: RightWord) -> vec4<f32> {
  let lanes = RightLanes(word);
  if (INT8) {
    return fromInt8(vec4u(lanes));
  }
  return vec4<f32>(lanes);
}

// Takes the sums of columns 4 * col4 .. + 3 of a row, adds the epilogue (lib/epilogue.wgsl) where they are whole sums,
// and writes them.
fn store(sums: vec4<f32>, tile: Tile, row: u32, col4: u32) {
  let col = col4 * 4;
  if (col >= params.N) {
    return;
  }
  let count = min(4u, params.N - col);
  let rowOfAll = (tile.batch + tile.part) * params.M + row; // one of the two is 0
  var values = sums;
  if (INT8) {
    values *= rightScale(tile.batch, col4);
  }
  if (SPLITS == 1) {
    let residualIndex = rowOfAll % params.residualRows * params.N + col;
    values = epilogue(values, EpilogueIndices(biasIndex(tile.batch, col), col, residualIndex), count);
  }
  storeOut(rowOfAll * params.N + col, values, count);
}
