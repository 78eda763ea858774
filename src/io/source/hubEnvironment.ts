// Environment variables of the Hub, with the meaning they have for Python's huggingface_hub (constants.py,
// utils/_auth.py). For Node and Deno.
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { HUB_URL } from "./hubId.ts";

/** A path as Python's os.path.expanduser and expandvars read it: what is not set stays as it is written. */
export function expandPath(path: string): string {
  const home = process.env.HOME || homedir();
  const fromHome = path.replace(/^~(?=$|[/\\])/, () => home);
  return fromHome.replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole, name, braced) => process.env[name ?? braced] ?? whole);
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

/** The Hub's address, or that of a mirror of it. */
export function hubEndpoint(): string {
  return (process.env.HF_ENDPOINT || HUB_URL).replace(/\/+$/, "");
}

/** HF_TOKEN or its old name, else the file that `hf auth login` writes. */
export async function readToken(): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN } = process.env;
  if (isTrue(HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const named = (HF_TOKEN || HUGGING_FACE_HUB_TOKEN || "").trim();
  if (named) return named;
  const path = expandPath(HF_TOKEN_PATH || join(hubHome(), "token"));
  return (await readFile(path, "utf8").catch(() => "")).replace(/[\r\n]/g, "").trim() || undefined;
}

/** The variable that forbids to ask the Hub; undefined where none does. */
export function offlineBy(): string | undefined {
  const name = process.env.HF_HUB_OFFLINE ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE";
  return isTrue(process.env[name]) ? name : undefined;
}

function isTrue(value = ""): boolean {
  return /^(1|true|yes|on)$/i.test(value);
}
