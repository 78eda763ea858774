// similarity: y[m, n] = scale * (a[m] · b[n]) + bias, with scale = logitScale, or its exponential as CLIP stores it.
// a: [M, C]; b: [N, C]; logitScale, bias: [1]; y: [M, N]. Sums in f32. One element of y a thread:
// lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params { count: u32, N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> a: array<Elem>;
@group(0) @binding(1) var<storage, read> b: array<Elem>;
@group(0) @binding(2) var<storage, read> logitScale: array<Elem>;
@group(0) @binding(3) var<storage, read> bias: array<Elem>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;
@group(0) @binding(5) var<uniform> params: Params;

override HAS_SCALE: bool = false;
override HAS_BIAS: bool = false;
override EXP: bool = false;

fn compute(i: u32) {
  let rowA = i / params.N * params.C;
  let rowB = i % params.N * params.C;
  var value = 0.0;
  for (var c = 0u; c < params.C; c++) {
    value += f32(a[rowA + c]) * f32(b[rowB + c]);
  }
  if (HAS_SCALE) {
    var scale = f32(logitScale[0]);
    if (EXP) {
      scale = exp(scale);
    }
    value *= scale;
  }
  if (HAS_BIAS) {
    value += f32(bias[0]);
  }
  y[i] = Elem(value);
}
