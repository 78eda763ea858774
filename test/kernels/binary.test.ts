import { binarySuite } from "../../src/verify/references/binary.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(binarySuite);
