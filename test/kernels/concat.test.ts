import { concatSuite } from "../../src/verify/references/concat.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(concatSuite);
