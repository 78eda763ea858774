import { ropeSuite } from "../../src/verify/references/rope.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(ropeSuite);
