// batchNorm: y = (x - mean) / sqrt(variance + eps) * gamma + beta, with a mean, variance, gamma and beta for
// each row. x, y: [rows, cols]; mean, variance, gamma, beta: [rows]. One element of y a thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16
alias Out = f32; // type of y: f32 | f16

struct Params { count: u32, cols: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> variance: array<Elem>;
@group(0) @binding(2) var<storage, read> mean: array<Elem>;
@group(0) @binding(3) var<storage, read> gamma: array<Elem>;
@group(0) @binding(4) var<storage, read> beta: array<Elem>;
@group(0) @binding(5) var<storage, read_write> y: array<Out>;
@group(0) @binding(6) var<uniform> params: Params;

override HAS_MEAN: bool = false;
override HAS_GAMMA: bool = false;
override HAS_BETA: bool = false;

fn compute(at: u32) {
  let row = at / params.cols;
  var value = f32(x[at]);
  if (HAS_MEAN) {
    value -= f32(mean[row]);
  }
  value /= sqrt(f32(variance[row]) + params.eps);
  if (HAS_GAMMA) {
    value *= f32(gamma[row]);
  }
  if (HAS_BETA) {
    value += f32(beta[row]);
  }
  y[at] = Out(value);
}
