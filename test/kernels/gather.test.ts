import { gatherSuite } from "../../src/verify/gather.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(gatherSuite);
