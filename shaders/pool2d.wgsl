// pool2d: y[b, i, j, c] = the largest or the mean value of x[b, :, :, c] in window (i, j). x: [B, H, W, C];
// y: [B, OH, OW, C]. One word of y a thread: lib/flat.wgsl.
// Padding never is the largest value; in a mean it counts as 0 where countPadding is set. NaN is told by its bits, as
// in lib/nan.wgsl.

alias Elem = f32; // f32 | f16
alias Word = Elem; // of channels: Elem, or vec4<Elem> where C counts such
alias Value = f32; // f32 | vec4<f32>
alias Bits = u32; // u32 | vec4u
alias Truth = bool; // bool | vec4<bool>
const WIDTH = 1u; // elements of a word

struct Params {
  count: u32,
  H: u32, W: u32, C: u32,
  OH: u32, OW: u32,
  KH: u32, KW: u32,
  strideH: u32, strideW: u32,
  paddingH: u32, paddingW: u32,
  countPadding: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<Word>;
@group(0) @binding(2) var<uniform> params: Params;

override IS_MAX: bool = false;

fn isNan(x: Value) -> Truth {
  return (bitcast<Bits>(x) & Bits(0x7fffffff)) > Bits(0x7f800000);
}

fn compute(at: u32) {
  let words = params.C / WIDTH;
  let c = at % words;
  let place = at / words;
  if (WIDTH > 1 && at >= params.count / WIDTH) {
    return;
  }
  let image = place / params.OW / params.OH * params.H;
  // The window's corner, counted from the padding's edge, and the part of the window that lies in x.
  let row = place / params.OW % params.OH * params.strideH;
  let col = place % params.OW * params.strideW;
  let top = max(row, params.paddingH) - params.paddingH;
  let left = max(col, params.paddingW) - params.paddingW;
  let bottom = min(row + params.KH - params.paddingH, params.H);
  let right = min(col + params.KW - params.paddingW, params.W);
  var sum = Value();
  var largest = Value(x[((image + top) * params.W + left) * words + c]);
  for (var iy = top; iy < bottom; iy++) {
    for (var ix = left; ix < right; ix++) {
      let value = Value(x[((image + iy) * params.W + ix) * words + c]);
      sum += value;
      if (any(value > largest) || any(isNan(value))) {
        largest = select(largest, value, (value > largest) | isNan(value));
      }
    }
  }
  let area = select((bottom - top) * (right - left), params.KH * params.KW, params.countPadding != 0);
  y[at] = Word(select(sum / f32(area), largest, IS_MAX));
}
