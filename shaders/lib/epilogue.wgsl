// What follows a sum of products: y = outAct(act(sum + bias) * scale + residual).
// For kernels with bindings bias, scale and residual, of which the host says which are there. Activations:
// lib/activation.wgsl.

alias OutWord = vec4<Elem>; // vec4<Elem> where N, the columns of the result, is a multiple of 4, else Elem
const OUT_WIDTH = 4u; // elements of an OutWord: 4 | 1

override ACTIVATION: u32 = 0;
override OUTPUT_ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;
override HAS_SCALE: bool = false;
override HAS_RESIDUAL: bool = false;

// Index of the first of four neighbouring elements in each input of the epilogue.
struct EpilogueIndices {
  bias: u32,
  scale: u32,
  residual: u32,
}

const BIAS = 0u;
const SCALE = 1u;
const RESIDUAL = 2u;

fn epilogueWord(input: u32, at: u32) -> vec4<f32> {
  switch (input) {
    case BIAS: {
      return vec4<f32>(vec4<Elem>(bias[at]));
    }
    case SCALE: {
      return vec4<f32>(vec4<Elem>(scale[at]));
    }
    default: {
      return vec4<f32>(vec4<Elem>(residual[at]));
    }
  }
}

// Four elements from index `at`, of which only the first `count` are in the row; the others are 0.
fn epilogueInput(input: u32, at: u32, count: u32) -> vec4<f32> {
  if (OUT_WIDTH == 4u) {
    return epilogueWord(input, at / OUT_WIDTH);
  }
  var values = vec4<f32>();
  for (var i = 0u; i < count; i++) {
    values[i] = epilogueWord(input, at + i).x;
  }
  return values;
}

// Four neighbouring elements of a row of the result, of which the first `count` are in the row.
fn epilogue(sums: vec4<f32>, at: EpilogueIndices, count: u32) -> vec4<f32> {
  var y = sums;
  if (HAS_BIAS) {
    y += epilogueInput(BIAS, at.bias, count);
  }
  y = activate4(ACTIVATION, y);
  if (HAS_SCALE) {
    y *= epilogueInput(SCALE, at.scale, count);
  }
  if (HAS_RESIDUAL) {
    y += epilogueInput(RESIDUAL, at.residual, count);
  }
  return activate4(OUTPUT_ACTIVATION, y);
}
