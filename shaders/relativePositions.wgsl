// relativePositions: rel[token, head] = [q · rowsᵀ | q · columnsᵀ]: the scores that a query gives to the rows and to
// the columns of its window by their distance, which is its own row (column) less theirs (SAM's decomposed ones). q:
// rows [batch, height * width], heads side by side, D elements each, from an offset with any stride, not scaled; table:
// [2 * windowHeight - 1 for rows, then 2 * windowWidth - 1 for columns; D], from distance 1 - side upwards; rel:
// [batch, height * width, heads, windowHeight + windowWidth]. Sums in f32.
// The tokens of a line of the map (a row, then a column) take the same rows of the table: a thread makes the scores of
// four tokens of a line for eight of their window's lines, and the threads of a workgroup stand side by side along the
// line. With LANES they are one subgroup, load LANES elements of each row of the table at once and take them from each
// other (see attention.wgsl). x: tiles of a line, y: line, z: batch, rows before columns.

alias Elem = f32; // f32 | f16

struct Params {
  heads: u32, D: u32,
  qOffset: u32, qStride: u32,
  height: u32, width: u32,
  windowHeight: u32, windowWidth: u32,
}

@group(0) @binding(0) var<storage, read> q: array<Elem>;
@group(0) @binding(1) var<storage, read> table: array<Elem>;
@group(0) @binding(2) var<storage, read_write> rel: array<Elem>;
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 64; // threads of a workgroup
const LANES = 1u; // threads that load for each other: a workgroup, or 1

fn elementsOfQ(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w]));
}

fn elementsOfTable(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(table[at.x]), f32(table[at.y]), f32(table[at.z]), f32(table[at.w]));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let map = vec2u(params.height, params.width);
  let window = vec2u(params.windowHeight, params.windowWidth);
  let axis = group.z % 2; // 0: lines are rows, 1: columns
  let line = group.y;
  let side = window[axis];
  let length = map[1 - axis];
  let chunks = (side + 7) / 8;
  let chunk = group.x % chunks * 8;
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
  var score0 = mat4x4<f32>();
  var score1 = mat4x4<f32>();
  var line0: vec4<f32>;
  var line1: vec4<f32>;
  for (var d = 0u; d < params.D; d++) {
    if (d % LANES == 0) {
      line0 = elementsOfTable(row0 * params.D + d + lane % LANES);
      line1 = elementsOfTable(row1 * params.D + d + lane % LANES);
    }
    let x = elementsOfQ(qAt + d);
    score0 += outer(fromLane4(line0, d % LANES), x);
    score1 += outer(fromLane4(line1, d % LANES), x);
  }
  for (var i = 0u; i < 4 && place + i < length; i++) {
    let out = (tokens[i] * params.heads + head) * (window.x + window.y) + axis * window.x + chunk;
    for (var j = 0u; j < 8 && chunk + j < side; j++) {
      rel[out + j] = Elem(select(score1[i], score0[i], j < 4)[j % 4]);
    }
  }
}
