import { unfoldSuite } from "../../src/verify/references/unfold.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(unfoldSuite);
