import { quantiseSuite } from "../../src/verify/quantise.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(quantiseSuite);
