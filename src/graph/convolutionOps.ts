// The op of convolutions, apart from the rest: a page that loads a convolutional network on demand loads it with it.
import * as kernels from "../kernels/index.ts";
import { op } from "./op.ts";

export const conv2d = /* @__PURE__ */ op(kernels.conv2d);
