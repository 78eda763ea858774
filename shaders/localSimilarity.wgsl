// localSimilarity: y[i, s, line, place] = a[i] · b[s, neighbour] for the places i of the rows of a map from `first` on,
// the neighbours of a place being those at most `down` rows and `across` columns away. Rows of a and b are meant to be
// of unit length, as -2 stands for neighbours beyond the map. a: [height * width, C]; b: [frames, height * width, C];
// y: [rows * width, frames, 2 * down + 1, 2 * across + 1], always f32. Sums in f32. A thread makes 8 neighbours of a
// line for each of 4 places beside each other, which have most of them in common: lib/flat.wgsl.

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
const BLOCK = 8u;
const COLUMNS = 11u; // PLACES + BLOCK - 1
const NONE = -2.0;
override LANES: f32 = 1; // of a vec4 that are elements of their own: a Word of one is the same four times

fn compute(index: u32) {
  let lines = 2 * params.down + 1;
  let side = 2 * params.across + 1;
  let blocks = (side + BLOCK - 1) / BLOCK;
  let groups = (params.width + PLACES - 1) / PLACES;
  let start = index % blocks * BLOCK;
  let line = index / blocks % lines;
  let frame = index / blocks / lines % params.frames;
  let group = index / blocks / lines / params.frames;
  let x = group % groups * PLACES;
  let own = group / groups; // row of the part that is made
  let row = i32(params.first + own + line) - i32(params.down);
  let column = i32(x + start) - i32(params.across);
  let isInside = row >= 0 && row < i32(params.height);
  var sums: array<f32, 32>; // PLACES * BLOCK
  if (isInside) {
    let last = i32(params.width) - 1;
    let rowStart = (frame * params.height + u32(row)) * params.width;
    let ownStart = (params.first + own) * params.width;
    for (var c = 0u; c < params.words; c++) {
      var others: array<vec4f, COLUMNS>;
      for (var d = 0u; d < COLUMNS; d++) {
        let at = rowStart + u32(clamp(column + i32(d), 0, last));
        others[d] = vec4f(vec4<Elem>(b[at * params.words + c]));
      }
      for (var p = 0u; p < PLACES; p++) {
        let at = ownStart + min(x + p, params.width - 1);
        let mine = vec4f(vec4<Elem>(a[at * params.words + c]));
        for (var d = 0u; d < BLOCK; d++) {
          sums[p * BLOCK + d] += dot(mine, others[p + d]);
        }
      }
    }
  }
  for (var p = 0u; p < PLACES && x + p < params.width; p++) {
    let i = own * params.width + x + p;
    let out = ((i * params.frames + frame) * lines + line) * side + start;
    for (var d = 0u; d < BLOCK && start + d < side; d++) {
      let at = column + i32(p + d);
      let isThere = isInside && at >= 0 && at < i32(params.width);
      y[out + d] = select(NONE, sums[p * BLOCK + d] * LANES / 4, isThere);
    }
  }
}
