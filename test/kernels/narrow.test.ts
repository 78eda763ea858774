import { narrowSuite } from "../../src/verify/narrow.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(narrowSuite);
