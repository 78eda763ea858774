import { batchNormSuite } from "../../src/verify/batchNorm.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(batchNormSuite);
