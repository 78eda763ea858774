// Opening a device where WebGPU is missing, switched off or away: always an AdapterError.
import { afterEach, expect, it, vi } from "vitest";
import { AdapterError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";

afterEach(() => vi.unstubAllGlobals());

const refusal = new DOMException("WebGPU is not enabled here", "NotSupportedError");
const adapter = { limits: {}, features: new Set(), requestDevice: () => Promise.reject(refusal) };

it.each<[string, () => unknown]>([
  ["requestAdapter rejects", () => Promise.reject(refusal)],
  [
    "requestAdapter throws",
    () => {
      throw refusal;
    },
  ],
  ["requestDevice rejects", () => Promise.resolve(adapter)],
])("%s: an AdapterError with the browser's own as its cause", async (_, requestAdapter) => {
  vi.stubGlobal("navigator", { gpu: { requestAdapter } });
  const error = await openDevice().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AdapterError);
  expect(error).toMatchObject({ message: expect.stringContaining(refusal.message), cause: refusal });
});

it("no adapter: an AdapterError", async () => {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => null } });
  await expect(openDevice()).rejects.toThrow(AdapterError);
});

it("loads what is Node's where there is no SharedArrayBuffer, as in pages that are not isolated", async () => {
  vi.resetModules();
  vi.stubGlobal("SharedArrayBuffer", undefined);
  const { HOW } = await import("../../src/device/dawn.ts");
  expect(HOW).toContain("Browsers");
});
