// SwiftShader in Node: a Vulkan driver for CPUs that the npm package @sparticuz/chromium carries, unpacked once to the
// user's cache folder. WEBGPU_VISION_ADAPTER asks for it by name.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AdapterError } from "./errors.ts";
import { unpack } from "./unpack.ts";

const VARIABLE = "WEBGPU_VISION_ADAPTER";
const SWIFTSHADER = "swiftshader";
const PACKAGE = "@sparticuz/chromium";
const ICD = "vk_swiftshader_icd.json";

/**
 * Whether WEBGPU_VISION_ADAPTER asks for SwiftShader.
 *
 * @throws AdapterError for another value, which would be passed over otherwise.
 */
export function asksForSwiftShader(): boolean {
  const asked = process.env[VARIABLE];
  if (asked === undefined || asked === "" || asked === SWIFTSHADER) return asked === SWIFTSHADER;
  throw new AdapterError(
    `${VARIABLE} is ${JSON.stringify(asked)}, expected ${SWIFTSHADER}, or nothing for what the machine offers`,
  );
}

/** Whether this process is to use SwiftShader already. */
export function hasSwiftShader(): boolean {
  return process.env.VK_ICD_FILENAMES?.includes(ICD) === true;
}

/**
 * Unpacks SwiftShader and gives the variables under which a new process finds it; undefined where the package is not
 * installed or does not run (it holds a build for Linux on x64).
 */
export async function softwareVulkan(): Promise<Record<string, string> | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const entry = resolvePackage(PACKAGE);
  if (!entry) return undefined;
  const files = ["libvulkan.so.1", "libvk_swiftshader.so", ICD];
  const folder = await unpack({ entry, name: "swiftshader", archives: ["swiftshader.tar.br"], files });
  return {
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":"),
    VK_ICD_FILENAMES: join(folder, ICD),
  };
}

/** The same where SwiftShader was asked for; @throws AdapterError where it is not there. */
export async function requiredSwiftShader(): Promise<Record<string, string>> {
  const variables = await softwareVulkan();
  if (variables) return variables;
  const isFor = process.platform === "linux" && process.arch === "x64";
  const why = isFor
    ? `but the package that carries it is not installed: \`npm install ${PACKAGE}\``
    : `which ${PACKAGE} has for Linux on x64 alone, and this is ${process.platform} on ${process.arch}`;
  throw new AdapterError(
    `${VARIABLE} asks for SwiftShader, ${why}; or leave ${VARIABLE} out, and the adapter is what the machine offers`,
  );
}

/**
 * Makes the Vulkan loader of this process find SwiftShader, where it is asked for: it reads its variables when Dawn
 * starts. Where the machine has no loader, that in the same folder is found by LD_LIBRARY_PATH alone, which is read
 * when a process starts: gives what to say then.
 */
export async function useAskedAdapter(): Promise<string | undefined> {
  if (!asksForSwiftShader()) return undefined;
  if (!hasSwiftShader()) process.env.VK_ICD_FILENAMES = (await requiredSwiftShader()).VK_ICD_FILENAMES;
  const folder = dirname(process.env.VK_ICD_FILENAMES ?? "");
  return (
    "SwiftShader needs a Vulkan loader (libvulkan.so.1), and this machine has none: start this program with " +
    `LD_LIBRARY_PATH=${folder}, or install it (Debian and Ubuntu: apt install libvulkan1; ` +
    "Fedora: dnf install vulkan-loader; Arch: pacman -S vulkan-icd-loader)"
  );
}

/** Path of an installed package's entry, beside this one or in the folder of the program; undefined without. */
export function resolvePackage(name: string): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), "package.json")]) {
    try {
      return createRequire(from).resolve(name);
    } catch {
      // Looked for at the next place.
    }
  }
  return undefined;
}
