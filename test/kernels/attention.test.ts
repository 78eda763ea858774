import { isCpu } from "../../src/device/adapter.ts";
import { lastDim } from "../../src/device/tensor.ts";
import { attentionSuite } from "../../src/verify/attention.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(attentionSuite, {
  skip: (variant, { q }, params, device) => {
    const { heads, channels = q ? lastDim(q) : 0 } = params as { heads: number; channels?: number };
    const isDear = variant === "sharedKeys" && isCpu(device.info.class) && channels / heads > 16;
    return isDear ? "CPU adapters compile unrolled heads of this size for minutes: it is left to GPUs" : undefined;
  },
});
