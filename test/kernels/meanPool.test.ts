import { meanPoolSuite } from "../../src/verify/meanPool.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(meanPoolSuite);
