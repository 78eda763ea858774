import { concatSuite } from "../../src/verify/concat.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(concatSuite);
