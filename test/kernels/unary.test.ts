import { unarySuite } from "../../src/verify/unary.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(unarySuite);
