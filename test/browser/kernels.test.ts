// The cases of every kernel in a page of a real Chromium: the same as in Node, on the browser's own WebGPU.
import { fileURLToPath } from "node:url";
import type { Browser, Page as Tab } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as suites from "../../src/verify/index.ts";
import { caseLabel } from "../../src/verify/run.ts";
import type { KernelSuite } from "../../src/verify/suite.ts";
import { type PageServer, servePage, startChromium } from "./chromium.ts";
import type { CaseRequest, Page } from "./page.ts";

declare const page: Page;

let server: PageServer;
let browser: Browser;
let tab: Tab;
let hasF16 = false;
const problems: string[] = [];

beforeAll(async () => {
  server = await servePage(fileURLToPath(new URL("page.ts", import.meta.url)));
  browser = await startChromium();
  tab = await browser.newPage();
  tab.on("pageerror", (error) => problems.push(String(error)));
  await tab.goto(server.url, { waitUntil: "load" });
  const opened = await tab.evaluate(() => page.open());
  hasF16 = opened.hasF16;
  console.log(`${await browser.version()}, adapter: ${opened.adapter}, shader-f16: ${hasF16}`);
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

for (const [suite, { kernel, cases }] of Object.entries<KernelSuite>(suites)) {
  describe(kernel.name, () => {
    for (const [index, test] of cases.entries()) {
      for (const dtype of test.dtypes ?? (["f32", "f16"] as const)) {
        it(`${dtype}: ${caseLabel(test)}`, async (context) => {
          if (dtype === "f16" && !hasF16) return context.skip("this adapter has no shader-f16");
          const request: CaseRequest = { suite, index, dtype };
          const result = await tab.evaluate((wanted) => page.run(wanted), request);
          expect(result.error, `largest error of ${result.label}`).toBeLessThanOrEqual(result.tolerance);
        });
      }
    }
  });
}

it("reports no error in the page", () => {
  expect(problems).toEqual([]);
});
