import { castSuite } from "../../src/verify/references/cast.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(castSuite);
