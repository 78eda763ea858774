import { permuteSuite } from "../../src/verify/permute.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(permuteSuite);
