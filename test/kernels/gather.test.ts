import { gatherSuite } from "../../src/verify/references/gather.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(gatherSuite);
