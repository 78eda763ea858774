import { channelScaleSuite } from "../../src/verify/channelScale.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(channelScaleSuite);
