// Activations by number, as src/kernels/activation.ts lists them. NaN stays NaN: WGSL's max, min and clamp may lose it,
// so none of them is used here, and some drivers' exp gives a number for it. Calls isNan4 of lib/nan.wgsl.

// Abramowitz and Stegun 7.1.26: |error| <= 1.5e-7. WGSL has no erf.
fn erf4(x: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  let y = 1.0 - poly * exp(-x * x);
  return select(y, -y, x < vec4<f32>());
}

// Some drivers' own tanh gives NaN where e^x overflows.
fn tanh4(x: vec4<f32>) -> vec4<f32> {
  return 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
}

fn sigmoid4(x: vec4<f32>) -> vec4<f32> {
  return 1.0 / (1.0 + exp(-x));
}

fn activate4(kind: u32, x: vec4<f32>) -> vec4<f32> {
  return select(activated4(kind, x), x, isNan4(x));
}

fn activated4(kind: u32, x: vec4<f32>) -> vec4<f32> {
  switch (kind) {
    case 1: { // relu
      return select(x, vec4<f32>(), x < vec4<f32>());
    }
    case 2: { // gelu
      return 0.5 * x * (1.0 + erf4(x * 0.7071067811865476));
    }
    case 3: { // geluTanh
      return 0.5 * x * (1.0 + tanh4(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    }
    case 4: { // quickGelu
      return x * sigmoid4(1.702 * x);
    }
    case 5: { // silu
      return x * sigmoid4(x);
    }
    case 6: { // sigmoid
      return sigmoid4(x);
    }
    case 7: { // tanh
      return tanh4(x);
    }
    default: { // none
      return x;
    }
  }
}

fn activate(kind: u32, x: f32) -> f32 {
  return activate4(kind, vec4<f32>(x)).x;
}
