import { innerProductSuite } from "../../src/verify/references/innerProduct.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(innerProductSuite);
