import { relativePositionsSuite } from "../../src/verify/relativePositions.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(relativePositionsSuite);
