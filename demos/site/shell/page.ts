// What every page starts with: the header's marks, the theme, the check for WebGPU, errors that nobody caught, and the
// service worker that keeps the site for the next visit without a network.
import { byId, el } from "./dom.ts";
import { fail } from "./messages.ts";
import { findAdapter, noWebgpu } from "./support.ts";
import { watchGpu } from "./watchGpu.ts";

/** Adapters that compute on the CPU: Google's SwiftShader, Mesa's lavapipe, Windows' WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/**
 * Starts a page: `run` is called when there is a GPU, otherwise the page says what to enable.
 *
 * @example
 * startPage((adapter) => buildSearch(byId("app")));
 */
export function startPage(run?: (adapter: GPUAdapter) => unknown): void {
  markCurrent();
  startTheme();
  window.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  void navigator.serviceWorker?.register("serviceWorker.js").catch(() => undefined);
  void check(run).catch(fail);
}

async function check(run?: (adapter: GPUAdapter) => unknown): Promise<void> {
  const adapter = await findAdapter();
  if (typeof adapter === "string") {
    byId("adapter").textContent = "no WebGPU here";
    document.body.dataset.state = "no-webgpu";
    if (run) byId("main").replaceChildren(pageHead(), noWebgpu(adapter));
    else byId("main").append(el("div", { class: "section" }, noWebgpu(adapter)));
    return;
  }
  const { vendor, architecture, description } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed";
  const isCpu = SOFTWARE.test(`${vendor} ${architecture} ${description}`);
  byId("adapter").textContent = `${isCpu ? "CPU" : "GPU"}: ${name}`;
  if (!run) return;
  if (isCpu) {
    const words = `WebGPU’s adapter here is a CPU (${name}): expect seconds where a GPU takes milliseconds.`;
    document.querySelector(".page-head")?.append(el("p", { class: "on-cpu" }, words));
  }
  void watchGpu(adapter);
  await run(adapter);
}

function pageHead(): Node {
  return document.querySelector(".page-head") ?? document.createDocumentFragment();
}

function markCurrent(): void {
  const here = document.body.dataset.page;
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".frames a")) {
    if (link.getAttribute("href") === `${here}.html`) link.setAttribute("aria-current", "page");
  }
}

function startTheme(): void {
  const root = document.documentElement;
  const toggle = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => toggle.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Storage is refused: the choice holds for this page.
    }
  });
  system.addEventListener("change", label);
  label();
}
