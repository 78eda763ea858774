// What a browser keeps of the models it loaded, in Cache Storage, keyed by the files' addresses: the list of it, and
// how it is emptied. keptFiles.ts puts files there.
import type { ModelFile, SourceOptions } from "./source.ts";

const CACHE_NAME = "webgpu-vision";
const HUB_FILE = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;

/** A model in the browser's cache. */
export interface CachedModel {
  /** A Hub id with its revision, or the URL of a folder; `fromPretrained` takes it. */
  readonly name: string;
  /** All files together. */
  readonly bytes: number;
  /** Each file with its size. */
  readonly files: readonly ModelFile[];
}

/** The models that this site keeps, by name. */
export async function listModels(): Promise<CachedModel[]> {
  const shelf = await openShelf({});
  const models = new Map<string, ModelFile[]>();
  for (const { url } of (await shelf?.keys()) ?? []) {
    const held = await shelf?.match(url);
    if (!held || held.status === 404) continue;
    const { model, file } = placeOf(new URL(url));
    const files = models.get(model) ?? [];
    files.push({ name: file, bytes: Number(held.headers.get("content-length") ?? 0) });
    models.set(model, files);
  }
  const list = [...models].map(([name, files]) => ({ name, bytes: files.reduce((sum, f) => sum + f.bytes, 0), files }));
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

/** Removes one model, or all of them; the bytes that were freed. */
export async function clearModels(name?: string): Promise<number> {
  const freed = (await listModels()).filter((model) => name === undefined || model.name === name);
  const shelf = await openShelf({});
  for (const request of (await shelf?.keys()) ?? []) {
    if (name === undefined || placeOf(new URL(request.url)).model === name) await shelf?.delete(request);
  }
  return freed.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** To which model a file belongs, by its address. */
function placeOf(url: URL): { model: string; file: string } {
  const [, id, revision = "", path = ""] = HUB_FILE.exec(url.pathname) ?? [];
  if (id) return { model: `${id}@${decodeURIComponent(revision)}`, file: decodeURIComponent(path) };
  const file = url.pathname.split("/").pop() ?? "";
  return { model: new URL(".", url).href, file: decodeURIComponent(file) };
}

/** The site's storage for models; undefined where there is none, or none is wanted. */
export async function openShelf({ cache }: SourceOptions): Promise<Cache | undefined> {
  if (cache === false || typeof caches === "undefined") return undefined;
  return caches.open(CACHE_NAME).catch(() => undefined);
}
