import { maskBitsSuite, maskUpsampleSuite } from "../../src/verify/references/maskUpsample.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(maskUpsampleSuite);
kernelTest(maskBitsSuite);
