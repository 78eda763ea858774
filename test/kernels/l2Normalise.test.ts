import { l2NormaliseSuite } from "../../src/verify/references/l2Normalise.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(l2NormaliseSuite);
