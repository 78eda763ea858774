// A loop of lib/product.wgsl: four rows by two vec4 columns of the result a thread, all in registers. For CPU adapters,
// where barriers are dear, and where unrolling K by hand costs a second of compiling and gains nothing.

const THREADS = 8u; // of a workgroup, side by side along N

@compute @workgroup_size(THREADS)
fn registerTile(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let tile = tileOf(workgroup, 4, 2 * THREADS);
  if (tile.row >= params.M) {
    return;
  }
  let row0 = leftRow(tile.batch, tile.row);
  let row1 = leftRow(tile.batch, tile.row + 1);
  let row2 = leftRow(tile.batch, tile.row + 2);
  let row3 = leftRow(tile.batch, tile.row + 3);
  let col0 = tile.col4 + lane;
  let col1 = col0 + THREADS;
  let right0 = rightColumn(tile.batch, col0);
  let right1 = rightColumn(tile.batch, col1);
  var c00 = vec4<f32>();
  var c01 = vec4<f32>();
  var c10 = vec4<f32>();
  var c11 = vec4<f32>();
  var c20 = vec4<f32>();
  var c21 = vec4<f32>();
  var c30 = vec4<f32>();
  var c31 = vec4<f32>();
  for (var i = 0u; i < leftPieces(); i++) {
    let piece0 = leftPiece(row0, i);
    let piece1 = leftPiece(row1, i);
    let piece2 = leftPiece(row2, i);
    let piece3 = leftPiece(row3, i);
    // Indices are computed in each step: a variable that a loop carries on costs SwiftShader more than a product.
    let firstRow = i * pieceLength();
    for (var e = 0u; e < pieceLength(); e++) {
      let down = (firstRow + e) * params.N4;
      let x0 = leftElement(piece0, e);
      let x1 = leftElement(piece1, e);
      let x2 = leftElement(piece2, e);
      let x3 = leftElement(piece3, e);
      let y0 = right4(right0 + down);
      let y1 = right4(right1 + down);
      c00 += x0 * y0;
      c01 += x0 * y1;
      c10 += x1 * y0;
      c11 += x1 * y1;
      c20 += x2 * y0;
      c21 += x2 * y1;
      c30 += x3 * y0;
      c31 += x3 * y1;
    }
  }
  let sums = array<vec4<f32>, 8>(c00, c01, c10, c11, c20, c21, c30, c31);
  for (var i = 0u; i < turns(8, params.M); i++) {
    if (tile.row + i / 2 < params.M) {
      store(sums[i], tile, tile.row + i / 2, col0 + (i % 2) * THREADS);
    }
  }
}
