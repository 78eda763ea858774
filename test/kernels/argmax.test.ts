import { rowVariants } from "../../src/kernels/axes.ts";
import { argmaxSuite } from "../../src/verify/argmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(argmaxSuite, {
  rowPerGroup: (launch) => ({ ...launch, ...rowVariants.rowPerGroup(Number(launch.params.rows)) }),
});
