// The choice of a model: its size before the download, cancelling one that is slow, the cache and its end, a visit
// without a network, and models that are of no use here.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT, Site, type Visit } from "./site.ts";

let site: Site;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webgpu-vision-models-"));
  site = await Site.open();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const READY =
  "!document.querySelector('.model-box .progress:not([hidden])') && document.querySelector('.model-now').textContent";

async function open(path = "search.html"): Promise<Visit> {
  const visit = await site.visit(path);
  await visit.until("a model", `${READY} !== 'none yet'`);
  return visit;
}

/** Types an address into the picker and waits for its size or its failure. */
async function ask(visit: Visit, address: string): Promise<string> {
  await visit.page.$eval("details.model", (details) => {
    (details as HTMLDetailsElement).open = true;
  });
  await visit.page.$eval(
    ".model-own input[type=text]",
    (input, value) => {
      (input as HTMLInputElement).value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    address,
  );
  const settled = "!/^(Asking|$)/.test(document.querySelector('.model-size').textContent)";
  await visit.until("its size", settled);
  return visit.text(".model-size");
}

const kept = (visit: Visit) =>
  visit.page.$$eval(".cache-list li", (rows) =>
    rows.map((row) => (row as HTMLElement).dataset.model?.replace(/.*\/(?=.*\/)/, "")),
  );

it("asks no server for the model that an address names, before a click", async () => {
  const visit = await open("search.html?model=owner/name");
  await visit.sees("names owner/name, which is not in this browser");
  expect(await visit.text(".model-now")).toBe("tiny-clip");
  const typed = await visit.page.$eval(".model-own input[type=text]", (input) => (input as HTMLInputElement).value);
  expect(typed).toBe("owner/name");
  await visit.shoot("model-named");
  const asked = await visit.page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  expect(asked.filter((address) => address.includes("owner/name"))).toEqual([]);
  expect(visit.errors).toEqual([]);
  await visit.page.close();
});

it("shows the size before the download, loads from a slow server, and cancels", async () => {
  const visit = await open();
  site.slowMs = 100;
  expect(await ask(visit, `${site.url}slow/tiny-clip`)).toMatch(/^7\.8 MB to download/);
  expect(await kept(visit)).toEqual(["tiny-clip/"]);
  await visit.press("Download and load");
  await visit.until(
    "progress in bytes",
    "/[1-9][.0-9]* MB of 7.8 MB/.test(document.querySelector('.model-box .progress').innerText)",
  );
  await visit.shoot("loading");
  await visit.press("Cancel");
  await visit.until("the end of it", READY);
  expect(await visit.text(".model-now")).toBe("tiny-clip");
  // What came before the weights is kept, and said to be no model.
  await visit.until("the cache's list", "document.querySelector('.cache-list').innerText.includes('settings only')");
  expect(await kept(visit)).toHaveLength(2);
  expect(visit.errors).toEqual([]);
  // The page goes on with the model it had.
  await visit.press("Use the sample photos");
  await visit.page.type("#query", "a ship");
  await visit.until("a ranking", "document.querySelectorAll('.cell[data-score]:not([data-score=\"\"])').length === 10");
  await visit.page.close();
});

it("loads again without a network, from the cache, which can be cleared", async () => {
  const visit = await open();
  site.slowMs = 0;
  await visit.until("the service worker", "navigator.serviceWorker.controller !== null");
  await ask(visit, `${site.url}slow/tiny-clip`);
  await visit.press("Download and load");
  await visit.until("the new model", `${READY} && location.search.includes("slow")`);
  site.asked.length = 0;
  site.isDown = true;
  await visit.page.reload({ waitUntil: "load" });
  await visit.until("the model from the cache", `${READY} !== 'none yet'`);
  expect(site.asked).toContain("/search.html");
  expect(site.asked.filter((path) => path.includes("tiny-clip"))).toEqual([]);
  expect(new URL(visit.page.url()).search).toContain("slow");
  site.isDown = false;
  visit.errors.length = 0; // the browser writes down each request that found nobody
  await ask(visit, `${site.url}slow/tiny-clip`);
  await visit.shoot("model-picker");
  await visit.check();
  await visit.press("Remove all");
  await visit.until("an empty cache", "document.querySelector('.cache').innerText.includes('Nothing yet')");
  const left = await visit.page.evaluate(async () => (await (await caches.open("webgpu-vision")).keys()).length);
  expect(left).toBe(0);
  await visit.page.close();
});

it("says what is wrong with a model cut off, unknown or of another family, and keeps the one it has", async () => {
  const visit = await open();
  await ask(visit, `${site.url}cut/tiny-clip`);
  await visit.press("Download and load");
  await visit.sees("could not be loaded");
  expect(await ask(visit, `${site.url}models/nothing-here`)).toContain("has no weights");
  expect(await ask(visit, `${site.url}models/tiny-sam`)).toContain("not a CLIP");
  expect(await visit.text(".model-now")).toBe("tiny-clip");
  await visit.page.close();
});

it("takes a model's files from the disk, and refuses half a file and another family", async () => {
  const visit = await open();
  const clip = join(ROOT, "checkpoints/tiny-clip");
  const files = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
  ];
  const octets = (path: string) => ({ path, type: "" });
  await visit.drop(...files.map((name) => octets(join(clip, name))));
  await visit.until("the model from disk", `${READY} === "model from disk"`);
  const half = join(folder, "model.safetensors");
  await writeFile(half, (await readFile(join(clip, "model.safetensors"))).subarray(0, 3_000_000));
  await visit.drop(octets(join(clip, "config.json")), octets(half));
  await visit.sees("is cut off");
  const other = join(folder, "config.json");
  await writeFile(other, JSON.stringify({ model_type: "bert" }));
  await visit.drop(octets(other), octets(join(clip, "model.safetensors")));
  await visit.sees("bert");
  await visit.drop(octets(join(clip, "model.safetensors")));
  await visit.sees("config.json is missing");
  expect(await visit.text(".model-now")).toBe("model from disk");
  expect(visit.errors).toEqual([]);
  await visit.check();
  await visit.shoot("messages");
  await visit.page.close();
});
