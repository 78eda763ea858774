import { argmaxSuite } from "../../src/verify/references/argmax.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(argmaxSuite);
