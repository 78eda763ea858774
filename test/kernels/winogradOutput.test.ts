import { winogradOutputSuite } from "../../src/verify/references/winogradOutput.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(winogradOutputSuite);
