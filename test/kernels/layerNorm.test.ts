import { layerNormSuite } from "../../src/verify/layerNorm.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(layerNormSuite);
