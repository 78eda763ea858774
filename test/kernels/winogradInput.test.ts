import { winogradInputSuite } from "../../src/verify/references/winogradInput.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(winogradInputSuite);
