import { relativePositionsSuite } from "../../src/verify/references/relativePositions.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(relativePositionsSuite);
