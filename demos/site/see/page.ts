// The page: four parts under tabs, one model, and one set of features that all parts share.
import type { Dino } from "../engine.ts";
import { el } from "../shell/dom.ts";
import { takeDrops } from "../shell/drop.ts";
import { fail } from "../shell/messages.ts";
import { AttentionTab } from "./attention.ts";
import { ClassesTab } from "./classes.ts";
import { ColoursTab } from "./colours.ts";
import { Choice } from "./controls.ts";
import { Features } from "./features.ts";
import { LikenessTab } from "./likeness.ts";
import type { Tab } from "./tab.ts";

const DETAILS = [8, 12, 16, 20, 24, 30, 40, 50, 60];

export class SeePage {
  readonly element: HTMLElement;
  readonly #features = new Features(() => this.#refresh());
  readonly #tabs: readonly Tab[];
  readonly #buttons: readonly HTMLButtonElement[];
  readonly #panels: readonly HTMLElement[];
  readonly #detail = new Choice<number>("Patches", (detail) => {
    this.#features.detail = detail;
    this.#refresh();
  });
  #at = 0;
  #isReady = false;

  constructor(takeModel: (files: File[]) => void) {
    const features = this.#features;
    this.#tabs = [AttentionTab, ColoursTab, LikenessTab, ClassesTab].map((SomeTab) => new SomeTab(features));
    this.#buttons = this.#tabs.map((tab, i) => this.#button(tab, i));
    this.#panels = this.#tabs.map(({ id, element }) => {
      return el("div", { role: "tabpanel", id: `part-${id}`, "aria-labelledby": `tab-${id}`, class: "part" }, element);
    });
    const list = el("div", { role: "tablist", class: "tabs", "aria-label": "Ways to look" }, ...this.#buttons);
    list.addEventListener("keydown", (event) => this.#walk(event));
    const head = el("div", { class: "tabs-row" }, list, this.#detail.element);
    this.element = el("div", { class: "see" }, head, features.progress.element, ...this.#panels);
    const onPictures = (files: File[]) => void this.#selected.add(files).catch(fail);
    takeDrops({ onPictures, onModel: takeModel });
    window.addEventListener("hashchange", () => this.#show(this.#named()));
    this.#show(this.#named());
  }

  useModel(dino: Dino): void {
    this.#features.useModel(dino);
    this.#isReady = true;
    const choices = DETAILS.map((detail) => [detail, `${detail} a side`] as const);
    this.#detail.offer(choices, this.#features.detail);
    this.#refresh();
  }

  get #selected(): Tab {
    return this.#tabs[this.#at] as Tab;
  }

  #button({ id, title }: Tab, i: number): HTMLButtonElement {
    const attributes = { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `part-${id}` };
    return el("button", { ...attributes, on: { click: () => this.#show(i) } }, title);
  }

  #named(): number {
    const at = this.#tabs.findIndex(({ id }) => `#${id}` === location.hash);
    return Math.max(0, at);
  }

  #show(at: number): void {
    this.#at = at;
    this.#buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === at));
      button.tabIndex = i === at ? 0 : -1;
    });
    this.#panels.forEach((panel, i) => {
      panel.hidden = i !== at;
    });
    // A classifier takes whole pictures, prepared as the checkpoint says.
    this.#detail.element.hidden = this.#selected.id === "classes";
    const url = new URL(location.href);
    url.hash = at === 0 ? "" : this.#selected.id;
    history.replaceState(null, "", url);
    this.#refresh();
  }

  #refresh(): void {
    if (this.#isReady) void this.#selected.refresh().catch(fail);
  }

  #walk(event: KeyboardEvent): void {
    const last = this.#tabs.length - 1;
    const steps: Record<string, number> = { ArrowRight: this.#at + 1, ArrowLeft: this.#at - 1, Home: 0, End: last };
    const next = steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.#show((next + this.#tabs.length) % this.#tabs.length);
    this.#buttons[this.#at]?.focus();
  }
}
