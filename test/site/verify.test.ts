// Is it right, and how fast: the checks agree, the times come, a lost GPU comes back, and all of it can be copied.
import { afterAll, beforeAll, expect, it } from "vitest";
import { Site } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site?.[Symbol.asyncDispose]());

it("checks the shipped models, times them, loses the GPU, and gives the JSON", async () => {
  const visit = await site.visit("verify.html");
  await visit.sees("Is it right?");
  await visit.press("Check the models");
  await visit.sees("agree.");
  const rows = await visit.page.$$eval("#checks tbody tr", (all) => all.map((row) => (row as HTMLElement).innerText));
  expect(rows.length).toBeGreaterThan(6);
  expect(rows.filter((row) => !row.includes("agrees"))).toEqual([]);
  await visit.press("Lose the GPU");
  await visit.sees("the same numbers to the last bit");
  await visit.press("Time the models");
  await visit.until("all times", "document.querySelectorAll('#speed tbody tr').length === 6");
  const report = JSON.parse(
    await visit.page.$eval("textarea[readonly]", (area) => (area as HTMLTextAreaElement).value),
  );
  expect(report).toMatchObject({ verification: { passed: true }, deviceLoss: { recovered: true } });
  await visit.until(
    "the report of the times",
    "document.querySelector('textarea[readonly]').value.includes('SAM, one click')",
  );
  await visit.check();
  await visit.shoot("verify-done");
  await visit.press("Check every kernel too");
  await visit.until(
    "the first kernel",
    "[...document.querySelectorAll('#checks tbody th')].some((cell) => /^[a-z0-9]+$/i.test(cell.innerText))",
  );
  await visit.press("Stop");
  await visit.until("the end of it", "document.querySelector('#checks .progress').hidden");
  expect(visit.errors).toEqual([]);
});
