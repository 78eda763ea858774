// The launcher that gives a command an adapter: what it sets, what it leaves alone, and what it passes through.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { adapterVariables, probeAdapter, runCommand } from "../../src/cli/adapter.ts";
import { loadDawn } from "../../src/device/dawn.ts";
import { AdapterError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import { softwareVulkan, useAskedAdapter } from "../../src/device/swiftShader.ts";

const isSupported = process.platform === "linux" && process.arch === "x64";

describe.runIf(isSupported)("softwareVulkan (Linux on x64)", () => {
  let cache: string;
  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), "webgpu-vision-test-"));
    vi.stubEnv("XDG_CACHE_HOME", cache);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true });
  });

  it("unpacks once, also when several processes ask at the same time, and leaves nothing unfinished", async () => {
    const [first, second] = await Promise.all([softwareVulkan(), softwareVulkan()]);
    expect(second).toEqual(first);
    const folders = await readdir(join(cache, "webgpu-vision"));
    expect(folders).toEqual([expect.stringMatching(/^swiftshader-\d+\.\d+\.\d+$/)]);
    const files = await readdir(join(cache, "webgpu-vision", folders[0] as string));
    expect(files.sort()).toEqual(["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"]);
  });

  it("gives an adapter to a process that has no other", async () => {
    expect(probeAdapter({ ...process.env, VK_ICD_FILENAMES: "/nonexistent" })).toBeUndefined();
    expect(probeAdapter({ ...process.env, ...(await softwareVulkan()) })).toMatch(/SwiftShader/);
  });

  it("respects VK_ICD_FILENAMES", async () => {
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "");
    vi.stubEnv("VK_ICD_FILENAMES", "/some/driver.json");
    expect(await adapterVariables()).toBeUndefined();
  });
});

describe("WEBGPU_VISION_ADAPTER", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("is an error where it has a value that is not known", async () => {
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "lavapipe");
    const message = /WEBGPU_VISION_ADAPTER is "lavapipe", expected swiftshader, or nothing/;
    await expect(adapterVariables()).rejects.toThrow(message);
    await expect(useAskedAdapter()).rejects.toThrow(AdapterError);
    await expect(loadDawn(), "in a program").rejects.toThrow(message);
  });

  it("is an error where SwiftShader is not there, whatever the platform", async () => {
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "swiftshader");
    vi.stubEnv("VK_ICD_FILENAMES", "/another/driver.json");
    const platform = vi.spyOn(process, "platform", "get").mockReturnValue("darwin");
    const message = /asks for SwiftShader, which @sparticuz\/chromium has for Linux on x64 alone, and this is darwin/;
    await expect(adapterVariables()).rejects.toThrow(message);
    await expect(useAskedAdapter()).rejects.toThrow(message);
    platform.mockRestore();
  });

  it.runIf(isSupported)("makes a program's own process find SwiftShader (Linux on x64)", async () => {
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "swiftshader");
    vi.stubEnv("VK_ICD_FILENAMES", "/another/driver.json");
    expect(await useAskedAdapter()).toMatch(/LD_LIBRARY_PATH=\/.*swiftshader.*apt install libvulkan1/);
    expect(process.env.VK_ICD_FILENAMES).toMatch(/vk_swiftshader_icd\.json$/);
    vi.stubEnv("VK_ICD_FILENAMES", "/another/driver.json");
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "");
    expect(await useAskedAdapter()).toBeUndefined();
    expect(process.env.VK_ICD_FILENAMES).toBe("/another/driver.json");
  });

  it("without a driver says what to install, and nothing of browsers", async () => {
    vi.stubEnv("WEBGPU_VISION_ADAPTER", "");
    vi.stubEnv("VK_ICD_FILENAMES", "/no/such/driver.json");
    const platform = vi.spyOn(process, "platform", "get").mockReturnValue("linux");
    const error = await openDevice().catch((reason) => reason);
    platform.mockRestore();
    expect(error).toBeInstanceOf(AdapterError);
    expect(error.message).toMatch(
      /^WebGPU found no adapter\. .*apt install mesa-vulkan-drivers.*dnf install .*pacman -S/,
    );
    expect(error.message).toMatch(/npm install @sparticuz\/chromium.*WEBGPU_VISION_ADAPTER=swiftshader/);
    expect(error.message).not.toMatch(/chrome:\/\/gpu/);
  });
});

describe("runCommand", () => {
  it("passes the exit code and the variables through", async () => {
    const script = "process.exit(process.env.WANTED === 'yes' ? 7 : 1)";
    expect(await runCommand([process.execPath, "-e", script], { WANTED: "yes" })).toBe(7);
  });

  it("gives 127 for a program that does not exist", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(await runCommand(["no-such-program"])).toBe(127);
    expect(stderr).toHaveBeenCalledWith("no-such-program: not found\n");
    stderr.mockRestore();
  });
});
