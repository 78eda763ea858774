// Makes docs/pictures/demos.jpg, the picture of the README: the demos at work in Chromium, one beside the other, with
// the small models that ship. `node scripts/readmePicture.mjs`.
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { bundleForNode, ROOT } from "./bundle.mjs";
import { buildDemo } from "./demoBuild.mjs";

/** Of a page in the picture, and how much larger the page itself is. */
const [WIDTH, HEIGHT] = [392, 460];
const ZOOM = 1.5;
const GAP = 12;
const PATIENCE = { timeout: 600_000, polling: 200 };

/** By page: what to do there until there is something to see, and the element that comes to the top. */
const SCENES = {
  search: {
    async play(page) {
      await press(page, "Use the sample photos");
      await page.type("#query", "a green frog");
      const scored = "document.querySelectorAll('.cell[data-score]:not([data-score=\"\"])').length === 10";
      await page.waitForFunction(`${scored} && document.querySelector('.search .progress').hidden`, PATIENCE);
    },
    top: ".words",
  },
  see: {
    async play(page) {
      await page.click("#tab-likeness");
      await page.waitForFunction("document.querySelector('.best').textContent.includes('cosine')", PATIENCE);
    },
    top: ".best",
  },
  cut: {
    async play(page) {
      await press(page, "Sample: a flower");
      await page.waitForFunction("/embedding/.test(document.querySelector('.frame').innerText)", PATIENCE);
      const { x, y, width, height } = await (await page.$(".stage")).boundingBox();
      await page.mouse.click(x + 0.5 * width, y + 0.45 * height);
      await page.waitForFunction("document.querySelectorAll('.candidates .cell').length === 3", PATIENCE);
      await page.$eval("#times", (times) => times.remove()); // those of whatever machine this runs on
    },
    top: ".frame",
  },
};

async function press(page, name) {
  const button = await page.waitForSelector(`::-p-aria([name="${name}"][role="button"])`);
  await button.evaluate((element) => element.click());
}

/** The page at work, as a PNG. */
async function shoot(browser, url, name) {
  const { play, top } = SCENES[name];
  const page = await browser.newPage();
  await page.setViewport({ width: ZOOM * WIDTH, height: ZOOM * HEIGHT, deviceScaleFactor: 2 });
  await page.emulateMediaFeatures([
    { name: "prefers-reduced-motion", value: "reduce" },
    { name: "prefers-color-scheme", value: "light" },
  ]);
  await page.goto(`${url}${name}.html`);
  await page.waitForFunction("document.querySelector('.model-knows:not([hidden])')", PATIENCE);
  await play(page);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // thumbnails come into view
  await page.$eval(top, (element) => scrollTo(0, element.getBoundingClientRect().top + scrollY - 10));
  const png = await page.screenshot();
  await page.close();
  return sharp(png).resize(WIDTH, HEIGHT).toBuffer();
}

const { startChromium } = await import(await bundleForNode("test/browser/chromium.ts"));
const folder = await mkdtemp(join(tmpdir(), "readme-picture-"));
const server = createServer(({ url }, response) => {
  const file = createReadStream(join(folder, new URL(url, "http://localhost").pathname));
  const type = { html: "text/html", js: "text/javascript", css: "text/css", json: "application/json" };
  response.setHeader("content-type", type[url.split(/[.?]/)[1]] ?? "application/octet-stream");
  file.once("error", () => response.writeHead(404).end()).pipe(response);
});
try {
  await buildDemo(folder);
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const browser = await startChromium({ protocolTimeout: PATIENCE.timeout });
  const shots = [];
  for (const name of Object.keys(SCENES))
    shots.push(await shoot(browser, `http://localhost:${server.address().port}/`, name));
  await browser.close();
  const width = shots.length * WIDTH + (shots.length - 1) * GAP;
  const path = join(ROOT, "docs/pictures/demos.jpg");
  const { size } = await sharp({ create: { width, height: HEIGHT, channels: 3, background: "#ffffff" } })
    .composite(shots.map((input, i) => ({ input, left: i * (WIDTH + GAP), top: 0 })))
    .jpeg({ quality: 84, mozjpeg: true })
    .toFile(path);
  console.log(`docs/pictures/demos.jpg: ${width} x ${HEIGHT}, ${(size / 1000).toFixed(0)} kB`);
} finally {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
}
