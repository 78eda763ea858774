import { writeRowsSuite } from "../../src/verify/references/writeRows.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(writeRowsSuite);
