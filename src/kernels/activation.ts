// The activations that kernels apply in their epilogues, by the names of PyTorch: shaders/lib/activation.wgsl on the
// GPU and float64 here, which the tests compare it with.

/** Numbers of `activate` in shaders/lib/activation.wgsl. gelu is exact, geluTanh is gelu(approximate="tanh"). */
export const ACTIVATIONS = {
  /** x */
  none: 0,
  /** max(x, 0) */
  relu: 1,
  /** x Φ(x) */
  gelu: 2,
  /** gelu with tanh in place of the error function */
  geluTanh: 3,
  /** x sigmoid(1.702 x) */
  quickGelu: 4,
  /** x sigmoid(x) */
  silu: 5,
  /** 1 / (1 + exp(-x)) */
  sigmoid: 6,
  /** tanh(x) */
  tanh: 7,
} as const;

/** Name of an activation. */
export type Activation = keyof typeof ACTIVATIONS;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const FLOAT64: Readonly<Record<Activation, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => (x < 0 ? 0 : x),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  quickGelu: (x) => x * sigmoid(1.702 * x),
  silu: (x) => x * sigmoid(x),
  sigmoid,
  tanh: Math.tanh,
};

/** The activation in float64. */
export function activate(name: Activation, x: number): number {
  return FLOAT64[name](x);
}

/** Error function to float64's digits: its Maclaurin series, and beyond 6 its limit. */
function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 6) return Math.sign(x);
  // erf(x) = 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!! : all terms have one sign, so nothing cancels.
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
