// pixelShuffle: y[b, c, row, col] from x[b, place, parts, c], places of a map that hold 2^levels by 2^levels pixels
// each. The first pair of bits of a part says the pixel's quarter of its place (row bit before column bit), the next
// its quarter of that, and so on. x: [B, H * W, 4^levels, C]; y: [B, C, H << levels, W << levels]. One element of y a
// thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params { count: u32, H: u32, W: u32, C: u32, levels: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

fn compute(at: u32) {
  let width = params.W << params.levels;
  let height = params.H << params.levels;
  let col = at % width;
  let row = at / width % height;
  let plane = at / width / height;
  var part = 0u;
  for (var level = params.levels; level > 0; level--) {
    part = part * 4 + ((row >> (level - 1)) & 1) * 2 + ((col >> (level - 1)) & 1);
  }
  let place = (plane / params.C * params.H + (row >> params.levels)) * params.W + (col >> params.levels);
  y[at] = x[((place << (2 * params.levels)) + part) * params.C + plane % params.C];
}
