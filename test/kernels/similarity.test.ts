import { similaritySuite } from "../../src/verify/references/similarity.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(similaritySuite);
