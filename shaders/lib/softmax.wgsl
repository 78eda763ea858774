// A softmax that goes on: weights are powers of 2 below the largest score so far. isNan4: lib/nan.wgsl.

const LOWEST = -3.4e38f;
const LOG2E = 1.4426950408889634f;

// The softmax of four queries so far.
struct Softmax {
  largest: vec4<f32>,
  total: vec4<f32>,
}

// Some drivers' exp2 gives a number for NaN.
fn weigh(x: vec4<f32>) -> vec4<f32> {
  return select(exp2(x), x, isNan4(x));
}

fn largestOf(x: vec4<f32>) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}
