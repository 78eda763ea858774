import { softmaxSuite } from "../../src/verify/references/softmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(softmaxSuite);
