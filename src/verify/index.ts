// The suites of all kernels: cases and float64 references.
export { binarySuite } from "./binary.ts";
export { unarySuite } from "./unary.ts";
