import { quantiseSuite } from "../../src/verify/references/quantise.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(quantiseSuite);
