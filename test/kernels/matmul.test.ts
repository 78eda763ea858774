import { it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import { matmulSuite } from "../../src/verify/references/matmul.ts";
import { kernelTest } from "./kernelTest.ts";

// Dawn gives matrix units with its switch for unsafe APIs alone. Of the adapters that need no GPU, lavapipe of Mesa 26
// has some.
let device: Promise<Device> | undefined;
const open = () => (device ??= openDevice({ toggles: ["enable-dawn-features=allow_unsafe_apis"] }));

kernelTest(matmulSuite, { open });

it("says whether the adapter has matrix units, which subgroupMatrixTile needs", async (context) => {
  const { matrixUnits } = await open();
  if (matrixUnits.length === 0) context.skip("this adapter has no matrix units");
  console.log(matrixUnits.map((unit) => Object.values(unit).join(" ")).join(", "));
});
