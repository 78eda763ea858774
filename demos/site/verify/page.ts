// The page: what the adapter says of itself, the checks, the times, and all of it as JSON.
import { button, el } from "../shell/dom.ts";
import { fail, say } from "../shell/messages.ts";
import { Checks } from "./checks.ts";
import { Loss } from "./loss.ts";
import { Speed } from "./speed.ts";

// What decides which shaders run here.
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupStorageSize",
] as const;

export class VerifyPage {
  readonly element: HTMLElement;
  readonly #report: Record<string, unknown>;
  readonly #json = el("textarea", {
    rows: 12,
    readonly: true,
    spellcheck: "false",
    "aria-label": "All results as JSON",
  });

  constructor(adapter: GPUAdapter) {
    this.#report = { adapter: describe(adapter), browser: navigator.userAgent };
    const keep = (key: string) => (value: unknown) => this.#keep(key, value);
    this.element = el(
      "div",
      {},
      adapterSection(adapter),
      new Checks(keep("verification")).element,
      new Speed(keep("benchmark")).element,
      new Loss(keep("deviceLoss")).element,
      this.#jsonSection(),
    );
    this.#show();
  }

  #keep(key: string, value: unknown): void {
    this.#report[key] = value;
    this.#show();
  }

  #show(): void {
    const rounded = (_: string, value: unknown) =>
      typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
    this.#json.value = JSON.stringify(this.#report, rounded, 2);
  }

  #jsonSection(): HTMLElement {
    const copy = button("Copy", () => {
      navigator.clipboard.writeText(this.#json.value).then(() => say("Copied."), fail);
    });
    return el(
      "section",
      { class: "section" },
      el("div", { class: "section-head" }, el("h2", {}, "To pass on"), copy),
      el("div", { class: "field" }, this.#json),
    );
  }
}

function describe(adapter: GPUAdapter): object {
  const { vendor, architecture, device, description } = adapter.info;
  const limits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  return { vendor, architecture, device, description, features: [...adapter.features].sort(), limits };
}

function adapterSection(adapter: GPUAdapter): HTMLElement {
  const { vendor, architecture, description } = adapter.info;
  const yes = (name: GPUFeatureName) => (adapter.features.has(name) ? "yes" : "no");
  const mebibytes = (count: number) => `${Math.round(count / 2 ** 20).toLocaleString("en")} MiB`;
  const facts: [string, string][] = [
    ["Adapter", description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed"],
    ["Half precision (shader-f16)", yes("shader-f16")],
    ["Subgroups", yes("subgroups")],
    ["Timestamps", yes("timestamp-query")],
    ["Largest binding", mebibytes(adapter.limits.maxStorageBufferBindingSize)],
    ["Threads a workgroup", String(adapter.limits.maxComputeInvocationsPerWorkgroup)],
  ];
  const cells = facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { class: "edge" }, value)));
  return el("dl", { class: "facts", "aria-label": "This GPU" }, ...cells);
}
