import { l2NormalizeSuite } from "../../src/verify/references/l2Normalize.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(l2NormalizeSuite);
