import { pixelShuffleSuite } from "../../src/verify/references/pixelShuffle.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(pixelShuffleSuite);
