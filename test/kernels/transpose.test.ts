import { transposeSuite } from "../../src/verify/transpose.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(transposeSuite);
