import { expect, it } from "vitest";
import { describeAdapter } from "../../src/device/adapter.ts";
import { isCpu } from "../../src/kernels/variants.ts";

// What runtimes say of adapters: Dawn on Vulkan, D3D12 and Metal (gpu_info.json has the names), wgpu, WebKit.
it.each([
  [{ vendor: "nvidia", architecture: "hopper", description: "NVIDIA H200" }, "nvidia"],
  [{ vendor: "amd", architecture: "rdna-3", description: "AMD Radeon RX 7900 XTX (RADV NAVI31)" }, "amd"],
  [{ vendor: "samsung", architecture: "rdna-2" }, "amd"],
  [{ vendor: "intel", architecture: "xe-2lpg", description: "Intel(R) Arc(tm) Graphics (LNL)" }, "intel"],
  [{ vendor: "apple", architecture: "metal-3" }, "apple"],
  [{ vendor: "apple", architecture: "common-3", description: "Apple M2 Pro" }, "apple"],
  [{ vendor: "mesa", description: "Apple M1 (G13G B1)" }, "apple"],
  [{ vendor: "qualcomm", architecture: "adreno-7xx", description: "Adreno (TM) 740" }, "qualcomm"],
  [{ vendor: "qualcomm", description: "Qualcomm(R) Adreno(TM) X1-85 GPU" }, "qualcomm"],
  [{ vendor: "arm", architecture: "valhall", description: "Mali-G610" }, "arm"],
  [{ vendor: "arm", architecture: "gen-5", description: "Immortalis-G720" }, "arm"],
  [{ vendor: "4318", device: "9056" }, "nvidia"],
  [{ vendor: "1297040209" }, "qualcomm"],
  [{ vendor: "65541", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, "cpu-lavapipe"],
  [{ vendor: "mesa", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, "cpu-lavapipe"],
  [{ vendor: "google", architecture: "swiftshader", description: "SwiftShader Device (Subzero)" }, "cpu-swiftshader"],
  [{ vendor: "microsoft", architecture: "warp", description: "Microsoft Basic Render Driver" }, "cpu-warp"],
  [{ vendor: "broadcom", description: "V3D 7.1.7" }, "unknown"],
  [{}, "unknown"],
] as const)("%o is of class %s", (info, expected) => {
  const described = describeAdapter({ info });
  expect(described.class).toBe(expected);
  expect(isCpu(described.class)).toBe(expected.startsWith("cpu"));
});
