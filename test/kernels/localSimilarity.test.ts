import { localSimilaritySuite } from "../../src/verify/references/localSimilarity.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(localSimilaritySuite);
