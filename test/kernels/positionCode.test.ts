import { positionCodeSuite } from "../../src/verify/references/positionCode.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(positionCodeSuite);
