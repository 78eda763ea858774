import { binarySuite } from "../../src/verify/binary.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(binarySuite);
