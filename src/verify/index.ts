// The suites of all kernels: cases and float64 references.
export { binarySuite } from "./binary.ts";
export { castSuite } from "./cast.ts";
export { gatherSuite } from "./gather.ts";
export { unarySuite } from "./unary.ts";
