import { winogradOutputSuite } from "../../src/verify/winogradOutput.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(winogradOutputSuite);
