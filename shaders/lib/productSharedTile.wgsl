// A loop of lib/product.wgsl: a tile of BM x BN of the result by 256 threads, TM x TN each, through 8 to 16 KiB of
// workgroup memory, half of that in f16. For GPUs.

const TM = 4u; // rows a thread sums: 4 | 8
const TN = 4u; // columns a thread sums: 4 | 8
const BM = 16u * TM; // rows of a tile
const BN = 16u * TN; // columns of a tile
const BK = 16u; // terms of the sums that are in workgroup memory at once
const STEP = 4u; // terms of a round of the loop that multiplies
const ROWS = false; // the left tile lies by rows, as it is loaded, and not by terms
const SEEN = !ROWS || TM > 4; // compilers see how many rounds there are, and unroll them
const END = select(~0u, TM, UNROLL); // of the loop that writes
const AHEAD = true; // the next loads are on their way while what is there is multiplied, which takes registers
const WHOLE = false; // each part of K is so many times BK: no thread has to look where it ends

// By terms: [k / STEP][k % STEP][row / 4][row % 4], so that both operands are read as vec4s of one term, and different
// threads write what one vec4 is read from. With ROWS [row / 64, row % 4][row / 4 % 16][k / 4][k % 4], as it is
// loaded; then a round takes more registers and fewer cycles on AMD's. Indices are apart, as each is checked: constant
// ones cost nothing. Elements are no vectors: a write to one component of a vector may write all of them (WGSL,
// "Component Reference from Vector Reference"), and on Metal and Direct3D it can. Most compilers load the four at once
// all the same, and convert them together.
alias Four = array<Elem, 4>;
var<workgroup> tileLeft: array<array<array<Four, select(BM / 4, BK / 4, ROWS)>, select(STEP, 16u, ROWS)>,
  select(BK / STEP, TM, ROWS)>;
var<workgroup> tileRight: array<array<array<vec4<Elem>, BN / 4>, STEP>, BK / STEP>;

alias Rows = array<LeftRow, BM / 64>; // those whose elements a thread loads
alias Columns = array<u32, BN / 64>;
alias Sums = array<array<vec4<f32>, TM>, TN / 4>; // [column / 64][row]

// What a thread loads of both operands from terms k on: of each a vec4 of 64 rows or columns, of the left along K, of
// the right along N. 0 beyond the last term.
struct Loaded {
  left: array<vec4<Elem>, BM / 64>,
  right: array<vec4<Elem>, BN / 64>,
}

fn load(rows: Rows, columns: Columns, k: u32, end: u32, lane: u32) -> Loaded {
  var loaded: Loaded;
  let kLeft = k + lane % 4 * 4;
  if (WHOLE || kLeft < end) {
    for (var m = 0u; m < BM / 64; m++) {
      loaded.left[m] = vec4<Elem>(left4(rows[m], kLeft));
    }
  }
  let kRight = k + lane / 16;
  if (WHOLE || kRight < end) {
    for (var n = 0u; n < BN / 64; n++) {
      loaded.right[n] = vec4<Elem>(right4(columns[n] + kRight * params.N4));
    }
  }
  return loaded;
}

// A thread sums vec4s of rows, and of columns, that are 64 apart.
@compute @workgroup_size(16, 16)
fn sharedTile(
  workgroup: Workgroup,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(workgroup, BM, BN / 4);
  if (tile.row >= params.M) {
    return;
  }
  var rows: Rows;
  for (var m = 0u; m < BM / 64; m++) {
    rows[m] = leftRow(tile.batch, tile.row + m * 64 + lane / 4);
  }
  var columns: Columns;
  for (var n = 0u; n < BN / 64; n++) {
    columns[n] = rightColumn(tile.batch, tile.col4 + n * 16 + lane % 16);
  }
  var sums: Sums;
  let terms = termsOf(tile);
  var loaded: Loaded;
  if (AHEAD) {
    loaded = load(rows, columns, terms.x, terms.y, lane);
  }
  for (var k = terms.x; k < terms.y; k += BK) {
    if (!AHEAD) {
      loaded = load(rows, columns, k, terms.y, lane);
    }
    for (var m = 0u; m < BM / 64; m++) {
      if (ROWS) {
        let x = loaded.left[m];
        tileLeft[m * 4 + lane / 4 % 4][lane / 16][lane % 4] = Four(x.x, x.y, x.z, x.w);
      }
      for (var i = 0u; i < select(4u, 0, ROWS); i++) {
        let step = lane % 4 * (4 / STEP) + i / STEP;
        tileLeft[step][i % STEP][m * 16 + lane / 16][lane / 4 % 4] = loaded.left[m][i];
      }
    }
    for (var n = 0u; n < BN / 64; n++) {
      tileRight[lane / 16 / STEP][lane / 16 % STEP][n * 16 + lane % 16] = loaded.right[n];
    }
    workgroupBarrier();
    if (AHEAD) {
      // The last ones again in the last turn: without a branch loads are on their way longer, in fewer registers.
      loaded = load(rows, columns, select(k, k + BK, k + BK < terms.y), terms.y, lane);
    }
    let rounds = select(BK / STEP * min(params.M, 1u), turns(BK / STEP, params.M), SEEN);
    for (var step = 0u; step < rounds; step++) {
      if (ROWS) {
        multiplyRows(step, local, &sums);
      } else {
        multiplyTerms(step, local, &sums);
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < END; i++) {
    if (!UNROLL && i >= turns(TM, params.M)) {
      break;
    }
    let row = tile.row + i / 4 * 64 + local.y * 4 + i % 4;
    if (row < params.M) {
      for (var n = 0u; n < BN / 64; n++) {
        store(sums[n][i], tile, row, tile.col4 + n * 16 + local.x);
      }
    }
  }
}

fn vectorOf(x: Four) -> vec4<f32> {
  return vec4<f32>(vec4<Elem>(x[0], x[1], x[2], x[3]));
}

// A round of products with the left tile by terms.
fn multiplyTerms(step: u32, local: vec3u, sums: ptr<function, Sums>) {
  for (var i = 0u; i < turns(STEP, params.M); i++) {
    for (var n = 0u; n < BN / 64; n++) {
      let y = vec4<f32>(tileRight[step][i][n * 16 + local.x]);
      for (var m = 0u; m < BM / 64; m++) {
        let x = vectorOf(tileLeft[step][i][m * 16 + local.y]);
        for (var r = 0u; r < 4; r++) {
          (*sums)[n][m * 4 + r] += x[r] * y;
        }
      }
    }
  }
}

// The same with the left tile by rows.
fn multiplyRows(step: u32, local: vec3u, sums: ptr<function, Sums>) {
  var y: array<array<vec4<f32>, STEP>, BN / 64>;
  for (var n = 0u; n < BN / 64; n++) {
    for (var i = 0u; i < STEP; i++) {
      y[n][i] = vec4<f32>(tileRight[step][i][n * 16 + local.x]);
    }
  }
  for (var r = 0u; r < turns(TM, params.M); r++) {
    let x = vectorOf(tileLeft[r][local.y][step]);
    for (var n = 0u; n < BN / 64; n++) {
      for (var i = 0u; i < STEP; i++) {
        (*sums)[n][r] += x[i] * y[n][i];
      }
    }
  }
}
