// The demo site as a visitor meets it: built, served without any header of its own, opened in a real Chromium. Also a
// place where models come slowly or cut off, and the checks that every page must pass.
import { createReadStream } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import type { Browser, ConsoleMessage, ElementHandle, Page } from "puppeteer-core";
import { expect } from "vitest";
import { buildDemo } from "../../scripts/demoBuild.mjs";
import { startChromium } from "../browser/chromium.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const PHOTOS = join(ROOT, "demos/photos");
const SHOTS = join(ROOT, "out/screenshots");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".jpg": "image/jpeg",
  ".png": "image/png",
};

/** What a visitor's browser and the site's server are, for one test file. */
export class Site implements AsyncDisposable {
  readonly browser: Browser;
  readonly url: string;
  /** Where the built files are. */
  readonly folder: string;
  readonly #server: Server;
  /** Paths asked for since the last look. */
  readonly asked: string[] = [];
  /** Milliseconds between pieces of 64 KiB of what lies below /slow/. */
  slowMs = 20;
  /** The server is out of reach: every connection is broken. */
  isDown = false;

  private constructor(browser: Browser, server: Server, folder: string) {
    this.browser = browser;
    this.folder = folder;
    this.#server = server;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  }

  /** Builds the site and opens it. /slow/NAME/ and /cut/NAME/ give a shipped model slowly, or half of each file. */
  static async open(): Promise<Site> {
    const folder = join(tmpdir(), `webgpu-vision-site-${process.pid}`);
    await buildDemo(folder);
    let site: Site | undefined;
    const server = createServer((request, response) => {
      const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
      site?.asked.push(path);
      if (site?.isDown) return void request.socket.destroy();
      const [, kind, rest = ""] = /^\/(slow|cut)\/(.*)$/.exec(path) ?? [];
      const file = join(folder, kind ? join("models", rest) : path.endsWith("/") ? `${path}index.html` : path);
      void send(file, response, kind === "slow" ? (site?.slowMs ?? 0) : undefined, kind === "cut");
    });
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    site = new Site(await startChromium(), server, folder);
    return site;
  }

  /** A tab of its own storage, on a page of the site; its console errors fail the test that calls `check`. */
  async visit(path: string, before?: (page: Page) => Promise<unknown>): Promise<Visit> {
    const context = await this.browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    const visit = new Visit(page);
    await before?.(page);
    await page.goto(new URL(path, this.url).href, { waitUntil: "load" });
    return visit;
  }

  /** Ends the browser's GPU process, as a driver's reset does: every device of every page is lost. */
  async endGpuProcess(): Promise<void> {
    const session = await this.browser.target().createCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const gpu = processInfo.find(({ type }) => type === "GPU");
    if (!gpu) throw new Error(`no GPU process among ${processInfo.map(({ type }) => type).join(", ")}`);
    process.kill(gpu.id, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function send(path: string, response: ServerResponse, slowMs: number | undefined, isCut: boolean) {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile()) return void response.writeHead(404).end();
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  if (isCut && path.endsWith(".safetensors")) return void response.end((await readFile(path)).subarray(0, 100_000));
  response.setHeader("content-length", stats.size);
  if (slowMs === undefined || !path.endsWith(".safetensors")) return void createReadStream(path).pipe(response);
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length && !response.destroyed; at += 65536) {
    response.write(bytes.subarray(at, at + 65536));
    await new Promise((resolve) => setTimeout(resolve, slowMs));
  }
  response.end();
}

/** One tab. */
export class Visit {
  readonly page: Page;
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("console", (message: ConsoleMessage) => {
      if (message.type() === "error" || message.type() === "warn") this.errors.push(message.text());
    });
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Waits until an expression gives something true in the page. What is not there yet makes it false. */
  async until(what: string, condition: string, timeout = 240_000): Promise<void> {
    const isTrue = `(() => {
      try {
        return ${condition};
      } catch (error) {
        if (error instanceof TypeError) return false;
        throw error;
      }
    })()`;
    await this.page.waitForFunction(isTrue, { timeout, polling: 100 }).catch(async (error) => {
      const text = await this.page.evaluate(() => document.body.innerText.slice(0, 3000));
      throw new Error(`${what} did not happen: ${error}\nconsole: ${this.errors.join("\n")}\npage: ${text}`);
    });
  }

  /** Waits until an element with this text is there. */
  async sees(text: string, timeout?: number): Promise<void> {
    await this.until(`"${text}"`, `document.body.innerText.includes(${JSON.stringify(text)})`, timeout);
  }

  text(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => (element as HTMLElement).innerText);
  }

  /** Presses the button of this name. */
  async press(name: string): Promise<void> {
    const button = await this.page.waitForSelector(`::-p-aria([name="${name}"][role="button"])`, { timeout: 20_000 });
    await button?.evaluate((element) => (element as HTMLElement).click());
  }

  /** Chooses files in the input of this name, as the dialog would. */
  async choose(name: string, ...paths: string[]): Promise<void> {
    const input = (await this.page.$(`input[type=file][aria-label="${name}"]`)) as ElementHandle<HTMLInputElement>;
    if (!input) throw new Error(`there is no input for files named ${name}`);
    await input.uploadFile(...paths);
  }

  /** Drops files of this repository on the page, as one does from a folder's window. */
  async drop(...files: readonly { readonly path: string; readonly type: string }[]): Promise<void> {
    const parts = await Promise.all(
      files.map(async ({ path, type }) => {
        return { name: path.split("/").pop() ?? "", type, base64: (await readFile(path)).toString("base64") };
      }),
    );
    await this.page.evaluate(async (list) => {
      const transfer = new DataTransfer();
      for (const { name, type, base64 } of list) {
        const blob = await (await fetch(`data:${type};base64,${base64}`)).blob();
        transfer.items.add(new File([blob], name, { type }));
      }
      const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
      for (const kind of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, options));
    }, parts);
  }

  /** What must hold on every page: no console errors, no serious violation found by axe, nothing wider than 360. */
  async check({ axe = true } = {}): Promise<void> {
    await this.page.setViewport({ width: 360, height: 760 });
    const { scroll, wide } = await this.page.evaluate(() => {
      const { scrollWidth } = document.documentElement;
      const all = [...document.querySelectorAll<HTMLElement>("body *")];
      const beyond = all.filter((element) => {
        const { right, width } = element.getBoundingClientRect();
        return width > 0 && right > innerWidth + 1 && !element.closest(".table-box, .visually-hidden");
      });
      return {
        scroll: scrollWidth,
        wide: beyond.slice(0, 5).map(({ tagName, className }) => `${tagName}.${className}`),
      };
    });
    expect({ scroll, wide }).toEqual({ scroll: 360, wide: [] });
    await this.page.setViewport({ width: 1280, height: 900 });
    if (axe) expect(await this.violations()).toEqual([]);
    expect(this.errors).toEqual([]);
  }

  /** What axe-core finds that is serious or critical. */
  async violations(): Promise<string[]> {
    const source = await readFile(join(ROOT, "node_modules/axe-core/axe.min.js"), "utf8");
    await this.page.evaluate(source);
    return this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      const { violations } = await axe.run(document);
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
    });
  }

  /**
   * Pictures of the page at desktop and phone width, light and dark, in out/screenshots. Nothing compares them: they
   * are there to be looked at, and are made where $SCREENSHOTS is set, as they take as long as a test.
   */
  async shoot(name: string): Promise<void> {
    if (!process.env.SCREENSHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844, deviceScaleFactor: 2 } };
    for (const scheme of ["light", "dark"]) {
      await this.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      for (const [size, viewport] of Object.entries(sizes)) {
        await this.page.setViewport(viewport);
        await new Promise((resolve) => setTimeout(resolve, 700)); // thumbnails come into view
        await this.page.screenshot({
          path: `${SHOTS}/${name}-${size}-${scheme}.png` as `${string}.png`,
          fullPage: true,
        });
      }
    }
    await this.page.emulateMediaFeatures([]);
    await this.page.setViewport({ width: 1280, height: 900 });
  }
}
