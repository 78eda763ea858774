import { ropeSuite } from "../../src/verify/rope.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(ropeSuite);
