import { normalizeImageSuite } from "../../src/verify/references/normalizeImage.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(normalizeImageSuite);
