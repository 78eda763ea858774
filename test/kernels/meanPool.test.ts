import { meanPoolSuite } from "../../src/verify/references/meanPool.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(meanPoolSuite);
