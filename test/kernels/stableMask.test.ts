import { stableMaskSuite } from "../../src/verify/references/stableMask.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(stableMaskSuite);
