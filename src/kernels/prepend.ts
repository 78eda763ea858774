// Class and register tokens put before the patches of every picture, and the position embedding added to all:
// torch.cat((token.expand(B, -1, -1), x), dim=1) + positions.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectRank, formatShape, lastDim, rowsOf, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, expectSameDType, flatWorkgroups, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

function result(x: Spec, token: Spec): Spec {
  const [batch = 0, tokens = 0, cols = 0] = x.shape;
  return { dtype: x.dtype, shape: [batch, rowsOf(token) + tokens, cols] };
}

/** Throws unless the tensor is rows of x's columns; axes of length 1 before them do not matter. */
function expectRows(name: string, got: Spec, x: Spec, rows?: number): void {
  expectSameDType("prepend", name, got, "x", x);
  const isRows = lastDim(got) === lastDim(x) && sizeOf(got.shape.slice(0, -2)) === 1;
  if (isRows && (rows === undefined || rowsOf(got) === rows)) return;
  const expected = `[${rows ?? "tokens"}, ${lastDim(x)}]`;
  throw new ShapeError(
    `[prepend] ${name} has shape ${formatShape(got.shape)}, expected ${expected} (x is ${formatShape(x.shape)})`,
  );
}

const source: LazySource = () => import("../../shaders/prepend.wgsl");

export const prepend = /* @__PURE__ */ defineKernel<object>()({
  name: "prepend",
  wgsl: [invocationSource, wordsSource, source],
  inputs: ["x", "token", "positions"],
  optional: ["positions"],
  params: { words: "u32", tokens: "u32", prefix: "u32", cols: "u32" },
  output: ({ x, token, positions }) => {
    expectFloat("prepend", "x", x);
    expectRank("prepend", "x", x.shape, 3);
    expectRows("token", token, x);
    const y = result(x, token);
    if (positions) expectRows("positions", positions, x, y.shape[1]);
    return y;
  },
  launch: ({ x, token, positions }) => {
    const y = result(x, token);
    const [, tokens = 0, cols = 0] = x.shape;
    return {
      params: { words: wordsOf(y), tokens, prefix: rowsOf(token), cols },
      types: { Elem: x.dtype },
      overrides: { WIDE: cols % 4 === 0 ? 1 : 0, HAS_POSITIONS: positions ? 1 : 0 },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
  flops: ({ x, token, positions }) => (positions ? sizeOf(result(x, token).shape) : 0),
});
