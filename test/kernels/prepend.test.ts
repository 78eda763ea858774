import { prependSuite } from "../../src/verify/prepend.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(prependSuite);
