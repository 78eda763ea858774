// A loop of lib/product.wgsl: ROWS rows by one vec4 column of the result a thread. The threads of a subgroup load LANES
// elements of each row at once and take them from each other (fromLane: lib/lanes.wgsl). For lavapipe, where a load is
// made lane by lane even when all lanes want one element. Tiles one below the other come first, so that a column of the
// right operand is still in the cache for the next one.

const ROWS = 16u; // rows of a tile
const LANES = 8u; // threads of a workgroup, which is one subgroup

@compute @workgroup_size(LANES)
fn subgroupTile(workgroup: Workgroup, @builtin(local_invocation_index) lane: u32) {
  let tile = tileOfColumn(workgroup, ROWS, LANES);
  if (tile.col4 >= params.N4) {
    return;
  }
  let col4 = tile.col4 + lane;
  var right = rightColumn(tile.batch, col4);
  var rows: array<LeftRow, ROWS>;
  var sums: array<vec4<f32>, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    rows[r] = leftRow(tile.batch, tile.row + r);
    sums[r] = vec4<f32>();
  }
  for (var i = 0u; i < leftPieces(); i++) {
    var pieces: array<LeftPiece, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      pieces[r] = leftPiece(rows[r], i);
    }
    for (var e = 0u; e < pieceLength(); e += LANES) {
      var x: array<f32, ROWS>; // element e + lane of each piece
      for (var r = 0u; r < ROWS; r++) {
        x[r] = leftElement(pieces[r], e + lane);
      }
      let count = min(LANES, pieceLength() - e);
      for (var j = 0u; j < count; j++) {
        let y = right4(right);
        for (var r = 0u; r < ROWS; r++) {
          sums[r] += fromLane(x[r], j) * y;
        }
        right += params.N4;
      }
    }
  }
  for (var r = 0u; r < turns(ROWS, params.M); r++) {
    if (tile.row + r < params.M) {
      store(sums[r], tile, tile.row + r, col4);
    }
  }
}
