// transpose: y[b, c, r] = x[b, r, c]; rows of y are padded with zeros from `rows` to `padded` elements. x: [batch,
// rows, cols]; y: [batch, cols, padded]. A workgroup turns a tile of 32 x 32 in workgroup memory (tiles), or a thread
// takes four rows of a column (strips).

alias Elem = f32; // f32 | f16 | i32 | u32

struct Params { batch: u32, rows: u32, cols: u32, padded: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

const TILE = 32u;
const STEP = 8u; // rows of a tile that the threads of `tiles` take at once
var<workgroup> tile: array<array<Elem, 33>, TILE>; // one column more than TILE, so that columns lie in separate banks

fn load(batch: u32, r: u32, c: u32) -> Elem {
  if (r < params.rows && c < params.cols) {
    return x[(batch * params.rows + r) * params.cols + c];
  }
  return Elem();
}

// One tile a workgroup, turned in workgroup memory so that both reads and writes are of neighbours: right on GPUs.
@compute @workgroup_size(TILE, STEP)
fn tiles(workgroup: Workgroup, @builtin(local_invocation_id) thread: vec3u) {
  let across = (params.cols + TILE - 1) / TILE;
  let down = (params.padded + TILE - 1) / TILE;
  let index = groupIndex(workgroup);
  let row0 = index / across % down * TILE;
  let col0 = index % across * TILE;
  let batch = index / across / down;
  if (batch >= params.batch) {
    return;
  }
  for (var i = thread.y; i < TILE; i += STEP) {
    tile[i][thread.x] = load(batch, row0 + i, col0 + thread.x);
  }
  workgroupBarrier();
  let r = row0 + thread.x;
  for (var i = thread.y; i < TILE; i += STEP) {
    let c = col0 + i;
    if (r < params.padded && c < params.cols) {
      y[(batch * params.cols + c) * params.padded + r] = tile[thread.x][i];
    }
  }
}

// Four rows of one column a thread, neighbouring threads in neighbouring columns: right on CPU adapters.
@compute @workgroup_size(WG)
fn strips(thread: Invocation) {
  let index = flatIndex(thread);
  let down = (params.padded + 3) / 4;
  let strip = index / params.cols;
  let batch = strip / down;
  if (batch >= params.batch) {
    return;
  }
  let c = index - strip * params.cols;
  let r = (strip - batch * down) * 4;
  let at = (batch * params.cols + c) * params.padded + r;
  for (var i = 0u; i < 4 && r + i < params.padded; i++) {
    y[at + i] = load(batch, r + i, c);
  }
}
