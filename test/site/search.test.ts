// The search page: photos come in, words rank them, one is classified.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PHOTOS, Site } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site?.[Symbol.asyncDispose]());

const EMBEDDED = "document.querySelector('.search .progress').hidden";

it("ranks dropped photos for a text, and classifies the one that is picked", async () => {
  const visit = await site.visit("search.html");
  await visit.sees("tiny-clip");
  await visit.drop(
    { path: join(PHOTOS, "truck.jpg"), type: "image/jpeg" },
    { path: join(PHOTOS, "chelsea.png"), type: "image/png" },
    { path: join(PHOTOS, "drawn-ship.jpg"), type: "image/jpeg" },
  );
  await visit.page.type("#query", "a photo of a cat");
  await visit.until(
    "a ranking",
    `document.querySelectorAll('.cell[data-score]:not([data-score=""])').length === 3 && ${EMBEDDED}`,
  );
  const names = await visit.page.$$eval(".cell", (cells) => cells.map((cell) => (cell as HTMLElement).dataset.name));
  expect(names[0]).toBe("chelsea.png");
  expect(await visit.page.$$eval(".ring", (rings) => rings.length)).toBe(1);
  await visit.page.click('.cell[data-name="chelsea.png"] button');
  await visit.until("labels", "document.querySelectorAll('.scores .score').length > 3");
  expect(await visit.text(".scores .score:first-child span")).toBe("cat");
  await visit.check();
  await visit.shoot("search");
});
