import { narrowSuite } from "../../src/verify/references/narrow.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(narrowSuite);
