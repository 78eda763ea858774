// Keeps the pages themselves for a visit without a network: what the network gives is kept, and given when there is
// none. Models are not its business: the engine keeps them, and asks for them in ranges.
declare const self: ServiceWorkerGlobalScope;

interface ServiceWorkerGlobalScope extends EventTarget {
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}

interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const SHELF = "webgpu-vision-pages";

/** Every page and what it needs before it paints; the build writes the list. */
async function keepAll(): Promise<void> {
  const shelf = await caches.open(SHELF);
  const files: string[] = await (await fetch("files.json", { cache: "no-cache" })).json();
  await Promise.all(files.map(async (file) => shelf.put(file, await fetch(file, { cache: "no-cache" }))));
}

self.addEventListener("install", (event) => {
  (event as ExtendableEvent).waitUntil(keepAll().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  (event as ExtendableEvent).waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request, respondWith } = event as FetchEvent;
  const url = new URL(request.url);
  const isOurs = request.method === "GET" && url.origin === self.location.origin && !request.headers.has("range");
  if (isOurs) respondWith.call(event, networkFirst(request));
});

async function networkFirst(request: Request): Promise<Response> {
  const shelf = await caches.open(SHELF);
  try {
    const response = await fetch(request);
    if (response.status === 200) await shelf.put(withoutQuery(request), response.clone()).catch(() => undefined);
    return response;
  } catch (error) {
    const held = await shelf.match(withoutQuery(request));
    if (held) return held;
    throw error;
  }
}

/** A page's address carries the chosen model; the page is the same. */
function withoutQuery({ url }: Request): string {
  const plain = new URL(url);
  plain.search = "";
  if (plain.pathname.endsWith("/")) plain.pathname += "index.html";
  return plain.href;
}

export {};
