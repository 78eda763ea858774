import { rowVariants } from "../../src/kernels/axes.ts";
import { l2NormaliseSuite } from "../../src/verify/l2Normalise.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(l2NormaliseSuite, {
  rowPerGroup: (launch) => ({ ...launch, ...rowVariants.rowPerGroup(Number(launch.params.rows)) }),
});
