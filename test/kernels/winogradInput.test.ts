import { winogradInputSuite } from "../../src/verify/winogradInput.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(winogradInputSuite);
