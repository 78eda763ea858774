import { normalizeSuite } from "../../src/verify/references/normalize.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(normalizeSuite);
