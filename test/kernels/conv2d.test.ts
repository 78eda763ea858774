import { conv2dSuite } from "../../src/verify/references/conv2d.ts";
import { kernelTest } from "./kernelTest.ts";
import { openWithMatrixUnits } from "./openWithMatrixUnits.ts";

kernelTest(conv2dSuite, { open: openWithMatrixUnits });
