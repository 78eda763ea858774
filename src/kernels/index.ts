// Every kernel, by name.
export { type BinaryParams, binary } from "./binary.ts";
export { type UnaryParams, unary } from "./unary.ts";
