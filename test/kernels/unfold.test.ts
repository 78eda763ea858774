import { unfoldSuite } from "../../src/verify/unfold.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(unfoldSuite);
