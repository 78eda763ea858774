import { argmaxSuite } from "../../src/verify/argmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(argmaxSuite);
