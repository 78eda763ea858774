import { softmaxSuite } from "../../src/verify/softmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(softmaxSuite);
