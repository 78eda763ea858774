// relativePositions: rel[token, head] = [q · rowsᵀ | q · columnsᵀ]: the scores that a query gives to the rows and to
// the columns of its window by their distance, which is its own row (column) less theirs (SAM's decomposed ones). q:
// rows [batch, height * width], heads side by side, D elements each, from an offset with any stride, not scaled; table:
// [2 * windowHeight - 1 for rows, then 2 * windowWidth - 1 for columns; D], from distance 1 - side upwards; rel:
// [batch, height * width, heads, windowHeight + windowWidth]. Sums in f32.
// The tokens of a line of the map (a row, then a column) take the same rows of the table: a thread makes the scores of
// four tokens of a line for LINES of their window's lines, and the threads of a workgroup stand side by side along the
// line. How it reads both is apart: lib/relativeVectors.wgsl, lib/relativeElements.wgsl. turns: lib/unroll.wgsl.
// x: tiles of a line, y: line, z: batch, rows before columns.

alias Elem = f32; // f32 | f16
alias RowWord = Elem; // Elem | vec4<Elem>, where D and what is before a head are whole vec4s

struct Params {
  heads: u32, D: u32,
  qOffset: u32, qStride: u32,
  height: u32, width: u32,
  windowHeight: u32, windowWidth: u32,
}

@group(0) @binding(0) var<storage, read> q: array<RowWord>;
@group(0) @binding(1) var<storage, read> table: array<RowWord>;
@group(0) @binding(2) var<storage, read_write> rel: array<Elem>;
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 64; // threads of a workgroup
const LINES = 8u; // of a window, that a thread makes scores for: 8 | 4

// The scores of four tokens, [token][line], for lines 0 to 3 and 4 to 7.
struct Scores {
  near: mat4x4<f32>,
  far: mat4x4<f32>,
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let map = vec2u(params.height, params.width);
  let window = vec2u(params.windowHeight, params.windowWidth);
  let axis = group.z % 2; // 0: lines are rows, 1: columns
  let line = group.y;
  let side = window[axis];
  let length = map[1 - axis];
  let chunks = (side + LINES - 1) / LINES;
  let chunk = group.x % chunks * LINES;
  let head = group.x / chunks % params.heads;
  let block = group.x / chunks / params.heads * WG * 4;
  if (line >= map[axis] || block >= length) {
    return;
  }
  let place = block + lane * 4;
  let places = min(place + vec4u(0, 1, 2, 3), vec4u(length - 1));
  let first = group.z / 2 * map.x * map.y;
  let tokens = first + select(line * map.y + places, places * map.y + line, axis == 1);
  let qAt = params.qOffset + head * params.D + tokens * params.qStride;
  // The row of the table for distance 0, less the first of the window's lines.
  let zero = select(0u, 2 * window.x - 1, axis == 1) + side - 1 + line % side;
  let row0 = zero - min(chunk + vec4u(0, 1, 2, 3), vec4u(side - 1));
  let row1 = zero - min(chunk + vec4u(4, 5, 6, 7), vec4u(side - 1));
  let scores = scoresOf(qAt, row0 * params.D, row1 * params.D, lane);
  // Lengths are constants and indices too, so that scores stay in registers.
  for (var i = 0u; i < turns(4, params.heads); i++) {
    if (place + i < length) {
      let out = (tokens[i] * params.heads + head) * (window.x + window.y) + axis * window.x + chunk;
      for (var j = 0u; j < turns(4, params.heads); j++) {
        if (chunk + j < side) {
          rel[out + j] = Elem(scores.near[i][j]);
        }
        if (LINES == 8 && chunk + 4 + j < side) {
          rel[out + 4 + j] = Elem(scores.far[i][j]);
        }
      }
    }
  }
}
