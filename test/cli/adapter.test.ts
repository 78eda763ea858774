// The launcher that gives a command an adapter: what it sets, what it leaves alone, and what it passes through.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { adapterVariables, probeAdapter, runCommand } from "../../src/cli/adapter.ts";
import { softwareVulkan } from "../../src/device/swiftShader.ts";

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
