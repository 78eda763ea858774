import { layerNormSuite } from "../../src/verify/layerNorm.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(layerNormSuite, {
  rowPerGroup: (launch) => ({
    ...launch,
    entryPoint: "rowPerGroup",
    overrides: { ...launch.overrides, WG: 64 },
    workgroups: [Number(launch.params.rows)],
  }),
});
