// What the browser keeps of the models that were loaded, with sizes, and buttons that remove it.
import { type CachedModel, cachedModels, clearCachedModels } from "../engine.ts";
import { button, el } from "./dom.ts";
import { bytes } from "./format.ts";
import { modelName } from "./knownModels.ts";
import { fail, say } from "./messages.ts";

/** Whether the weights of a model are in the cache, not only its settings. */
export function hasWeights({ files }: CachedModel): boolean {
  return files.some(({ name }) => name.endsWith(".safetensors"));
}

export class CachePanel {
  readonly element = el("section", { class: "cache", "aria-label": "Models kept in this browser" });
  readonly #onChange: (models: readonly CachedModel[]) => void;

  constructor(onChange: (models: readonly CachedModel[]) => void) {
    this.#onChange = onChange;
  }

  /** Looks again at what is kept. */
  async refresh(): Promise<readonly CachedModel[]> {
    const models = await cachedModels();
    const total = models.reduce((sum, model) => sum + model.bytes, 0);
    const rows = models.map((model) => this.#row(model));
    this.element.replaceChildren(
      el("h3", {}, "Kept in this browser"),
      models.length > 0 ? el("ul", { class: "cache-list" }, ...rows) : el("p", { class: "hint" }, "Nothing yet."),
    );
    if (models.length > 0) {
      const all = button("Remove all", () => void this.#clear(), "is-small");
      this.element.append(el("p", { class: "row" }, el("span", { class: "edge" }, `${bytes(total)} in all`), all));
    }
    this.#onChange(models);
    return models;
  }

  #row(model: CachedModel): HTMLElement {
    const name = modelName(model.name);
    const remove = button("Remove", () => void this.#clear(model.name), "is-small");
    remove.setAttribute("aria-label", `Remove ${name} from this browser`);
    const size = hasWeights(model) ? bytes(model.bytes) : `${bytes(model.bytes)}, settings only`;
    return el(
      "li",
      { "data-model": model.name },
      el("span", { class: "cache-name" }, name),
      el("span", { class: "edge" }, size),
      remove,
    );
  }

  async #clear(name?: string): Promise<void> {
    try {
      const freed = await clearCachedModels(name);
      say(`Removed ${name ? modelName(name) : "all models"}: ${bytes(freed)} freed.`);
      await this.refresh();
    } catch (error) {
      fail(error);
    }
  }
}
