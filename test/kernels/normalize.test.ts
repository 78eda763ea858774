import { normalizeSuite } from "../../src/verify/normalize.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(normalizeSuite);
