// The page that cuts out: clicks, boxes and everything mode against the library called directly, and what is saved.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Site, type Visit } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site?.[Symbol.asyncDispose]());

it("draws", async () => {
  const visit = await site.visit("cut.html");
  await visit.sees("tiny-sam");
  await visit.press("Sample: a dog");
  await visit.until("encoded", "document.querySelector('#times')?.textContent.includes('embedding')");
  console.log(await visit.text("#times"));
  const stage = await visit.page.$(".stage");
  const box = await stage!.boundingBox();
  await visit.page.mouse.click(box!.x + box!.width * 0.5, box!.y + box!.height * 0.5);
  await visit.until("masks", "document.querySelectorAll('.candidates .cell').length === 3");
  console.log(await visit.text("#times"), await visit.text("#status").catch(() => ""));
  await visit.shoot("cut");
  await visit.check();
});
