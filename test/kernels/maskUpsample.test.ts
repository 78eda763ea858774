import { maskBitsSuite, maskUpsampleSuite } from "../../src/verify/maskUpsample.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(maskUpsampleSuite);
kernelTest(maskBitsSuite);
