import { castSuite } from "../../src/verify/cast.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(castSuite);
