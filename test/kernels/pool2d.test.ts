import { pool2dSuite } from "../../src/verify/references/pool2d.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(pool2dSuite);
