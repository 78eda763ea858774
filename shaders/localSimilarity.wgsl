// localSimilarity: y[i, s, line, place] = a[i] · b[s, neighbour] for the places i of the rows of a map from `first` on,
// the neighbours of a place being those at most `down` rows and `across` columns away. Rows of a and b are meant to be
// of unit length, as -2 stands for neighbours beyond the map. a: [height * width, C]; b: [frames, height * width, C];
// y: [rows * width, frames, 2 * down + 1, 2 * across + 1], always f32. Sums in f32. A thread makes the products of 4
// places beside each other with 4 of a line, of which some are no neighbours of some: lib/flat.wgsl.

alias Elem = f32; // f32 | f16
alias Word = Elem; // Elem | vec4<Elem>

struct Params {
  count: u32, words: u32, height: u32, width: u32, down: u32, across: u32, frames: u32, first: u32
}

@group(0) @binding(0) var<storage, read> a: array<Word>;
@group(0) @binding(1) var<storage, read> b: array<Word>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

const PLACES = 4u;
const BLOCK = 4u;
const NONE = -2.0;
override LANES: f32 = 1; // of a vec4 that are elements of their own: a Word of one is the same four times

// What a thread makes.
struct Block {
  x: u32, // the first of its places, in row `own` of the part that is made
  own: u32,
  frame: u32,
  line: u32,
  start: u32, // the first of its neighbours among those of place x
  column: i32, // where that is in the map
  isInside: bool, // whether the line is in the map
}

fn placeOf(at: u32) -> vec4f {
  return vec4f(vec4<Elem>(a[at]));
}

fn neighbour(block: Block, rowStart: u32, c: u32, d: i32) -> vec4f {
  let at = rowStart + u32(clamp(block.column + d, 0, i32(params.width) - 1));
  return vec4f(vec4<Elem>(b[at * params.words + c]));
}

// Writes the products of 4 places with neighbour d.
fn store(block: Block, d: u32, sum: vec4f) {
  let side = 2 * params.across + 1;
  let at = block.column + i32(d);
  let isThere = block.isInside && at >= 0 && at < i32(params.width);
  let values = select(vec4f(NONE), sum * (LANES / 4), isThere);
  for (var p = 0u; p < PLACES; p++) {
    let offset = block.start + d - p; // of its own neighbours; wraps where it is before the first
    let x = block.x + p;
    if (x < params.width && offset < side) {
      let place = (block.own * params.width + x) * params.frames + block.frame;
      y[(place * (2 * params.down + 1) + block.line) * side + offset] = values[p];
    }
  }
}

// The sums are variables of their own: an array of them would be in memory on some GPUs.
fn compute(index: u32) {
  let lines = 2 * params.down + 1;
  let side = 2 * params.across + 1;
  let blocks = (side + PLACES - 1 + BLOCK - 1) / BLOCK;
  let groups = (params.width + PLACES - 1) / PLACES;
  let group = index / blocks / lines / params.frames;
  var block: Block;
  block.start = index % blocks * BLOCK;
  block.line = index / blocks % lines;
  block.frame = index / blocks / lines % params.frames;
  block.x = group % groups * PLACES;
  block.own = group / groups;
  block.column = i32(block.x + block.start) - i32(params.across);
  let row = i32(params.first + block.own + block.line) - i32(params.down);
  block.isInside = row >= 0 && row < i32(params.height);
  var s0 = vec4f(); // an element for each place
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  if (block.isInside) {
    let rowStart = (block.frame * params.height + u32(row)) * params.width;
    let ownStart = (params.first + block.own) * params.width;
    let x = vec4u(block.x, block.x + 1, block.x + 2, block.x + 3);
    let places = (ownStart + min(x, vec4u(params.width - 1))) * params.words;
    for (var c = 0u; c < params.words; c++) {
      let mine = mat4x4f(placeOf(places.x + c), placeOf(places.y + c), placeOf(places.z + c), placeOf(places.w + c));
      s0 += neighbour(block, rowStart, c, 0) * mine;
      s1 += neighbour(block, rowStart, c, 1) * mine;
      s2 += neighbour(block, rowStart, c, 2) * mine;
      s3 += neighbour(block, rowStart, c, 3) * mine;
    }
  }
  store(block, 0, s0);
  store(block, 1, s1);
  store(block, 2, s2);
  store(block, 3, s3);
}
