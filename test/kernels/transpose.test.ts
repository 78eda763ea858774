import { transposeVariants } from "../../src/kernels/transpose.ts";
import { transposeSuite } from "../../src/verify/transpose.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(transposeSuite, {
  tiles: (launch) => {
    const { batch = 0, rows = 0, cols = 0, padded = 0 } = launch.params;
    return { ...launch, ...transposeVariants.tiles({ batch, rows, cols, padded }) };
  },
});
