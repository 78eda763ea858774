import { similaritySuite } from "../../src/verify/similarity.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(similaritySuite);
