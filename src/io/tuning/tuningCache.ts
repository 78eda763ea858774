// Where tuned variants are kept: a file in the user's cache folder in Node and Deno, Cache Storage in a page. One
// record for each adapter with its driver; what is lost or cannot be written is measured again.
import type { AdapterInfo } from "../../device/adapter.ts";

/** Names of variants by launch. */
export type TunedVariants = Readonly<Record<string, string>>;

interface Shelf {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** What was kept for this adapter; empty when nothing was, or when it cannot be read. */
export async function readTuned(info: AdapterInfo): Promise<TunedVariants> {
  const records = await readRecords(await openShelf());
  const record = records[adapterKey(info)];
  const entries = typeof record === "object" && record !== null ? Object.entries(record) : [];
  return Object.fromEntries(entries.filter(([, variant]) => typeof variant === "string"));
}

/** Adds to what is kept for this adapter. */
export async function writeTuned(info: AdapterInfo, variants: TunedVariants): Promise<void> {
  const shelf = await openShelf();
  const records = await readRecords(shelf);
  const key = adapterKey(info);
  const all = { ...records, [key]: { ...(records[key] as object | undefined), ...variants } };
  await shelf?.write(JSON.stringify(all, undefined, 1)).catch(() => undefined);
}

/** The adapter's own words, which name its driver where the runtime tells it, and the browser's where it does not. */
function adapterKey({ vendor, architecture, device, description }: AdapterInfo): string {
  const browser = typeof document === "undefined" && !("importScripts" in globalThis) ? "" : navigator.userAgent;
  return [vendor, architecture, device, description, browser].filter(Boolean).join(" | ");
}

async function readRecords(shelf: Shelf | undefined): Promise<Record<string, unknown>> {
  try {
    const records: unknown = JSON.parse((await shelf?.read()) ?? "{}");
    return typeof records === "object" && records !== null ? { ...records } : {};
  } catch {
    return {};
  }
}

async function openShelf(): Promise<Shelf | undefined> {
  if (typeof process !== "undefined" && process.versions?.node) {
    return import("./tuningFile.ts").then(({ tuningFile }) => tuningFile);
  }
  const cache =
    typeof caches === "undefined" ? undefined : await caches.open("webgpu-vision tuning").catch(() => undefined);
  if (!cache) return undefined;
  return {
    read: async () => (await cache.match("/tuning.json"))?.text(),
    write: (text) => cache.put("/tuning.json", new Response(text)),
  };
}
