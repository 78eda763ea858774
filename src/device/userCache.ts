// Where this user's programs keep what they can make again (Node).
import { homedir } from "node:os";
import { join } from "node:path";

/** `webgpu-vision` among the user's caches. */
export function cacheFolder(): string {
  return join(userCaches(), "webgpu-vision");
}

function userCaches(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME;
  if (process.platform === "win32") return LOCALAPPDATA || join(homedir(), "AppData", "Local");
  return process.platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
}
