import { layerNormSuite } from "../../src/verify/references/layerNorm.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(layerNormSuite);
