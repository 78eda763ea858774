// Environment variables of the Hub, with the meaning they have for Python's huggingface_hub (constants.py,
// utils/_auth.py). For Node and Deno.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { ArgumentError } from "../../device/errors.ts";
import { HUB_URL } from "./hubId.ts";

/** A path as Python's os.path.expanduser and expandvars read it: what is not set stays as it is written. */
export function expandPath(path: string): string {
  const fromHome = path.replace(/^~([^/\\]*)/, (whole, user) => homeOf(user) ?? whole);
  return fromHome.replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole, name, braced) => process.env[name ?? braced] ?? whole);
}

/** The home of a user, or the own one for ""; undefined where there is no such user (Python: posixpath.expanduser). */
function homeOf(user: string): string | undefined {
  if (user === "") return process.env.HOME || homedir();
  try {
    const currentUser = userInfo();
    if (currentUser.username === user) return currentUser.homedir;
  } catch {} // a container's user may have no name
  try {
    const users = readFileSync("/etc/passwd", "utf8").split("\n");
    return users.map((line) => line.split(":")).find(([name]) => name === user)?.[5] || undefined;
  } catch {
    return undefined;
  }
}

/** HF_HOME, or the folder "huggingface" among the user's caches. */
function hubHome(): string {
  const { HF_HOME, XDG_CACHE_HOME } = process.env;
  return expandPath(HF_HOME || join(XDG_CACHE_HOME || "~/.cache", "huggingface"));
}

/** Where files of the Hub are kept. */
export function hubCacheFolder(): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = process.env;
  return expandPath(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(hubHome(), "hub"));
}

/**
 * The Hub's address, or that of a mirror of it.
 *
 * @throws ArgumentError where HF_ENDPOINT is none
 */
export function hubEndpoint(): string {
  const endpoint = (process.env.HF_ENDPOINT?.trim() || HUB_URL).replace(/\/+$/, "");
  if (/^https?:/i.test(endpoint) && URL.canParse(endpoint)) return endpoint;
  throw new ArgumentError(`HF_ENDPOINT is "${endpoint}", expected an address such as ${HUB_URL}`);
}

/** HF_TOKEN or its old name, else the file that `hf auth login` writes. */
export async function readToken(): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN } = process.env;
  if (isTrue(HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const named = cleanToken(HF_TOKEN || HUGGING_FACE_HUB_TOKEN);
  if (named) return named;
  const path = expandPath(HF_TOKEN_PATH || join(hubHome(), "token"));
  return cleanToken(await readFile(path, "utf8").catch(() => ""));
}

/** A token without line breaks, inside it too (huggingface_hub: utils/_auth.py, _clean_token). */
function cleanToken(text = ""): string | undefined {
  const token = text.replace(/[\r\n]/g, "").trim();
  try {
    new Headers({ Authorization: token });
  } catch {
    // What it says of the token repeats it, which is secret.
    throw new ArgumentError(
      "HF_TOKEN, or the file in its place, holds characters that cannot be sent: check the token",
    );
  }
  return token || undefined;
}

/** The variable that forbids to ask the Hub; undefined where none does. */
export function offlineBy(): string | undefined {
  const name = process.env.HF_HUB_OFFLINE ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE";
  return isTrue(process.env[name]) ? name : undefined;
}

function isTrue(value = ""): boolean {
  return /^(1|true|yes|on)$/i.test(value);
}
