import { transposeSuite } from "../../src/verify/references/transpose.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(transposeSuite);
