import { unarySuite } from "../../src/verify/references/unary.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(unarySuite);
