import { prependSuite } from "../../src/verify/references/prepend.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(prependSuite);
