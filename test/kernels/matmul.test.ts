import { it } from "vitest";
import { matmulSuite } from "../../src/verify/references/matmul.ts";
import { kernelTest } from "./kernelTest.ts";
import { openWithMatrixUnits } from "./openWithMatrixUnits.ts";

kernelTest(matmulSuite, { open: openWithMatrixUnits });

it("says whether the adapter has matrix units, which subgroupMatrixTile needs", async (context) => {
  const { matrixUnits } = await openWithMatrixUnits();
  if (matrixUnits.length === 0) context.skip("this adapter has no matrix units");
  console.log(matrixUnits.map((unit) => Object.values(unit).join(" ")).join(", "));
});
