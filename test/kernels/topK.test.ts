import { topKSuite } from "../../src/verify/references/topK.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(topKSuite);
