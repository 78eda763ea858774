import { channelScaleSuite } from "../../src/verify/references/channelScale.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(channelScaleSuite);
