import { permuteSuite } from "../../src/verify/references/permute.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(permuteSuite);
