import { rowVariants } from "../../src/kernels/axes.ts";
import { softmaxSuite } from "../../src/verify/softmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(softmaxSuite, {
  rowPerGroup: (launch) => ({ ...launch, ...rowVariants.rowPerGroup(Number(launch.params.rows)) }),
});
