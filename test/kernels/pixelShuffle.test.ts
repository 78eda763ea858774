import { pixelShuffleSuite } from "../../src/verify/pixelShuffle.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(pixelShuffleSuite);
