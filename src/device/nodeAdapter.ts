// Node before Dawn starts: which driver its loader is to find, and what to say where there is none.
import { AdapterError } from "./errors.ts";
import { useAskedAdapter } from "./swiftShader.ts";

const DRIVERS: Readonly<Record<string, string>> = {
  linux:
    "No Vulkan driver works here. Debian and Ubuntu: `apt install mesa-vulkan-drivers`. Fedora: `dnf install " +
    "mesa-vulkan-drivers`. Arch: `pacman -S vulkan-icd-loader` with vulkan-radeon, vulkan-intel, nvidia-utils, or " +
    "vulkan-swrast for the CPU. Or from npm, for the CPU of Linux on x64: `npm install @sparticuz/chromium`, and " +
    "start with WEBGPU_VISION_ADAPTER=swiftshader.",
  win32: "There is no driver for Direct3D 12 or Vulkan: update that of the graphics card.",
  darwin: "There is no Metal here: it needs macOS 11 or later, and virtual machines may not have it.",
};

/** Gives what to do where Dawn then finds no adapter. @throws AdapterError for an adapter that cannot be had. */
export async function prepareAdapter(): Promise<string> {
  return (await useAskedAdapter()) ?? DRIVERS[process.platform] ?? "There is no driver that Dawn can use.";
}

/** Why the package webgpu could not be imported. */
export function withoutPackage(cause: unknown): AdapterError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = /MODULE_NOT_FOUND/.test(code ?? "") ? "install it: `npm install webgpu`" : `it does not load: ${message}`;
  return new AdapterError(`WebGPU comes to Node with the package webgpu; ${why}`, { cause });
}
