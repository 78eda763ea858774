import { mixLabelsSuite } from "../../src/verify/references/mixLabels.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(mixLabelsSuite);
