import { attentionSuite } from "../../src/verify/attention.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(attentionSuite, {
  sharedKeys: (launch) => ({
    ...launch,
    entryPoint: "sharedKeys",
    overrides: { ...launch.overrides, WG: 64 },
    workgroups: [Math.ceil(Number(launch.params.queries) / 64), launch.workgroups[1], launch.workgroups[2]],
  }),
});
