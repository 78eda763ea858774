// positionCode: y = table[label] + [sin(2π xy·G), cos(2π xy·G)], the random Fourier features of a place (Tancik et al.
// 2020), or table[label] alone for the first labels.
// coords: [rows, 2], x before y, in [-1, 1]; gaussian: [2, F]; labels: [rows], rows of table [K, 2 F], none where it is
// absent; y: [rows, 2 F]. One element of y a thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // elements of y
  features: u32, // F
  placeless: u32, // labels below this have no place
}

@group(0) @binding(0) var<storage, read> coords: array<f32>;
@group(0) @binding(1) var<storage, read> gaussian: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;
@group(0) @binding(5) var<uniform> params: Params;

override HAS_TABLE: bool = false;

// sin(2π turn) of a turn in [0, 1): WGSL promises 11 bits of its own sin, and none beyond half a turn. Taylor's
// series to the 13th power, of a quarter of a turn at most: |error| < 1e-7.
fn sine(turn: f32) -> f32 {
  let half = select(turn, turn - 1.0, turn > 0.5);
  let quarter = select(half, sign(half) * 0.5 - half, abs(half) > 0.25);
  let x = 6.283185307179586 * quarter;
  let s = x * x;
  let series = (((((s / 156.0 - 1.0) * s / 110.0 + 1.0) * s / 72.0 - 1.0) * s / 42.0 + 1.0) * s / 20.0 - 1.0) * s / 6.0;
  return x * (series + 1.0);
}

fn compute(at: u32) {
  let columns = 2 * params.features;
  let row = at / columns;
  let column = at % columns;
  let f = column % params.features;
  let turns = coords[row * 2] * gaussian[f] + coords[row * 2 + 1] * gaussian[params.features + f];
  let code = sine(fract(turns + select(0.25, 0.0, column < params.features)));
  var value = code;
  if (HAS_TABLE) {
    let label = u32(labels[row]);
    value = table[label * columns + column] + select(code, 0.0, label < params.placeless);
  }
  y[at] = Elem(value);
}
