import { matmulSuite } from "../../src/verify/matmul.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(matmulSuite);
