import { positionCodeSuite } from "../../src/verify/positionCode.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(positionCodeSuite);
