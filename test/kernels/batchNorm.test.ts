import { batchNormSuite } from "../../src/verify/references/batchNorm.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(batchNormSuite);
