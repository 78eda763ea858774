import { isCpu } from "../../src/device/adapter.ts";
import { lastDim, type Spec } from "../../src/device/tensor.ts";
import { attentionSuite } from "../../src/verify/references/attention.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(attentionSuite, {
  skip: (variant, inputs, params, device) => {
    if (!isCpu(device.info.class) || variant !== "flashTile") return undefined;
    const q = inputs.q as Spec;
    const { heads, channels = lastDim(q), grid } = params as { heads: number; channels?: number; grid?: unknown };
    const D = channels / heads;
    const isQuick = q.dtype === "f32" ? D <= 16 || (!grid && (D === 64 || D === 80)) : D <= 16 && !grid;
    return isQuick ? undefined : "CPU adapters compile this variant for seconds: others of its cases run here";
  },
});
