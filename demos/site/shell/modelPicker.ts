// Which model a page uses: the small one that comes with it, one from the Hub (its size is shown before anything is
// downloaded), an address, or files from the disk. The choice is kept in the page's address, so that a reload and a
// bookmark find it again.
import { type CachedModel, modelSize, type SourceLike } from "../engine.ts";
import { CachePanel, hasWeights } from "./cachePanel.ts";
import { button, el, freshId } from "./dom.ts";
import { fileButton } from "./drop.ts";
import { bytes } from "./format.ts";
import { type Family, type FamilyModels, type KnownModel, MODELS, type ModelCard, modelName } from "./knownModels.ts";
import { type Disposable, Loading, type LoadOptions } from "./loading.ts";
import { fail, isAbort, note, say } from "./messages.ts";

export interface PickerOptions<M extends Disposable> {
  readonly family: Family;
  /** fromPretrained of the page's class. */
  readonly load: (from: SourceLike, options: LoadOptions) => Promise<M>;
  /**
   * A model is ready; the small one that comes with the page has a card. The one before it is disposed already: results
   * that came from it are old.
   */
  readonly onModel: (model: M, name: string, card: ModelCard | undefined) => void;
  readonly hasF16: boolean;
}

/** The panel with the choice of a model, which loads it too. */
export class ModelPicker<M extends Disposable> {
  readonly element: HTMLElement;
  readonly #options: PickerOptions<M>;
  readonly #models: FamilyModels;
  readonly #loading: Loading<M>;
  readonly #cache: CachePanel;
  readonly #now = el("span", { class: "model-now" }, "none yet");
  /** What the model knows, while it is the small one. */
  readonly #knows: HTMLElement;
  readonly #size = el("p", { class: "hint model-size", role: "status" });
  readonly #load = button("Load", () => void this.#loadChosen(), "is-main");
  readonly #text = el("input", { type: "text", spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
  readonly #dtype = el("select", { "aria-label": "Number type" });
  readonly #details: HTMLDetailsElement;
  #cached: readonly CachedModel[] = [];
  #chosen: string;
  #bytes: number | undefined;
  #asking: AbortController | undefined;

  constructor(options: PickerOptions<M>) {
    this.#options = options;
    this.#models = MODELS[options.family];
    this.#chosen = this.#models.shipped.id;
    this.#loading = new Loading(options.load);
    this.#cache = new CachePanel((models) => this.#onCache(models));
    for (const type of options.hasF16 ? ["f16", "f32"] : ["f32"]) this.#dtype.append(el("option", {}, type));
    this.#details = el("details", { class: "model" }, this.#summary(), this.#panel());
    this.#knows = this.#knowledge(this.#models.shipped.card);
    this.element = el("div", { class: "model-box" }, this.#details, this.#knows, this.#loading.progress.element);
  }

  /** The model in use; undefined until one is ready. */
  get model(): M | undefined {
    return this.#loading.model;
  }

  /**
   * Loads the model that the page's address names, or the shipped one. An address may come from a stranger: no server
   * is asked for what it names before a click.
   */
  async start(): Promise<void> {
    await this.#cache.refresh().catch(fail);
    const named = new URL(location.href).searchParams.get("model");
    const isHere = named !== null && (/^\.\.?\//.test(named) || this.#kept(named) !== undefined);
    if (isHere && (await this.#run(named, modelName(named)))) return;
    await this.#run(this.#models.shipped.id, modelName(this.#models.shipped.id));
    if (named && !isHere) this.#offer(named);
  }

  /** Opens the panel with a model's name written into it, and says why. */
  #offer(id: string): void {
    this.#details.open = true;
    this.#text.value = id;
    note(`This page’s address names ${id}, which is not in this browser: choose “Another” to load it.`);
  }

  /** Files that were dropped or chosen: config.json, safetensors, tokenizer. */
  takeFiles(files: readonly File[]): void {
    const has = (test: (name: string) => boolean) => files.some(({ name }) => test(name));
    const weights = has((name) => name.endsWith(".safetensors"));
    if (!has((name) => name === "config.json" || name === "open_clip_config.json") || !weights) {
      note("A model's folder has a config.json and its weights as .safetensors: choose both together.", {
        title: weights ? "config.json is missing" : "The weights are missing",
      });
      return;
    }
    void this.#run(files, "model from disk");
  }

  #summary(): HTMLElement {
    const { title } = this.#models;
    return el(
      "summary",
      {},
      el("span", { class: "edge" }, title),
      this.#now,
      el("span", { class: "model-change" }, "Change model"),
    );
  }

  #panel(): HTMLElement {
    const { shipped, hub } = this.#models;
    const group = freshId("model");
    const typedChoice = el("input", {
      type: "radio",
      name: group,
      value: "",
      on: { change: () => this.#choose(this.#typed()) },
    });
    this.#text.placeholder = "owner/name, or the address of a folder";
    this.#text.setAttribute("aria-label", "Hub id, or the address of a model's folder");
    this.#text.addEventListener("input", () => {
      typedChoice.checked = true;
      this.#choose(this.#typed());
    });
    const known = [shipped, ...hub].map((model, i) => this.#radio(group, model, i === 0));
    const submit = (event: Event) => {
      event.preventDefault();
      void this.#loadChosen();
    };
    const form = el(
      "form",
      { class: "model-form", on: { submit } },
      el("fieldset", {}, el("legend", { class: "visually-hidden" }, "Model"), ...known, this.#ownRow(typedChoice)),
      this.#size,
      el("div", { class: "row" }, this.#load, this.#dtype, this.#folderButton()),
      el("p", { class: "hint" }, "Or drop a folder with config.json and .safetensors anywhere on the page."),
    );
    return el("div", { class: "model-panel" }, form, this.#cache.element);
  }

  /** Who answers and what it knows, the line that loads a real model, and the way to it on this page. */
  #knowledge({ knows, realModel }: ModelCard): HTMLElement {
    const { shipped, modelClass, codeClass = modelClass } = this.#models;
    const code = `${codeClass}.fromPretrained("${realModel}")`;
    const open = () => {
      this.#details.open = true;
      const choices = this.#details.querySelectorAll<HTMLInputElement>("input[type=radio]");
      const real = [...choices].find(({ value }) => value === realModel);
      real?.click();
      real?.focus();
    };
    const name = el("strong", {}, `${modelName(shipped.id)} answers`);
    const more = ["In your code a real model is ", el("code", {}, code), "; "];
    const use = button("here you choose it", open, "is-link");
    return el("p", { class: "model-knows", hidden: true }, name, `: it knows ${knows} `, ...more, use, ".");
  }

  #ownRow(own: HTMLInputElement): HTMLElement {
    return el("div", { class: "model-own" }, el("label", {}, own, el("span", {}, "Another")), this.#text);
  }

  #folderButton(): HTMLElement {
    return fileButton("Folder from disk…", (files) => this.takeFiles(files), { folder: true });
  }

  #radio(group: string, { id, note: about }: KnownModel, isFirst: boolean): HTMLElement {
    const input = el("input", { type: "radio", name: group, value: id, on: { change: () => this.#choose(id) } });
    input.checked = isFirst;
    const comes = isFirst && el("span", { class: "edge model-badge" }, "comes with the page");
    return el(
      "label",
      { class: "model-choice" },
      input,
      el("span", {}, el("span", { class: "model-id" }, modelName(id)), comes, el("span", { class: "hint" }, about)),
    );
  }

  #typed(): string {
    return this.#text.value.trim();
  }

  /** Says what the choice costs before it is made. */
  async #choose(id: string): Promise<void> {
    this.#chosen = id;
    this.#bytes = undefined;
    this.#asking?.abort(new DOMException("another was chosen", "AbortError"));
    const asking = new AbortController();
    this.#asking = asking;
    const kept = this.#kept(id);
    this.#load.textContent = kept ? "Load" : "Download and load";
    this.#load.disabled = !kept;
    if (kept) return this.#tell(`${bytes(kept.bytes)}, kept in this browser`, kept.bytes);
    if (id === "") return this.#tell("");
    this.#tell("Asking for its size…");
    try {
      await new Promise((resolve) => setTimeout(resolve, 250)); // while somebody types
      asking.signal.throwIfAborted();
      const { bytes: size, family, modelClass } = await modelSize(id, { signal: asking.signal });
      if (asking.signal.aborted) return;
      const fits = family === undefined || modelClass === this.#models.modelClass;
      this.#load.disabled = false;
      const doubt = fits ? "" : ` Its config.json says “${family}”: not a ${this.#models.title}.`;
      this.#tell(`${bytes(size)} to download, kept in this browser afterwards.${doubt}`, size);
    } catch (error) {
      if (!asking.signal.aborted && !isAbort(error)) this.#tell(`${(error as Error).message}`);
    }
  }

  #tell(text: string, size?: number): void {
    this.#size.textContent = text;
    this.#bytes = size;
  }

  #kept(id: string): CachedModel | undefined {
    const place = /^(https?:|[./])/.test(id) ? new URL(`${id.replace(/\/*$/, "")}/`, location.href).href : id;
    return this.#cached.find((model) => [place, `${place}@main`].includes(model.name) && hasWeights(model));
  }

  #onCache(models: readonly CachedModel[]): void {
    this.#cached = models;
    void this.#choose(this.#chosen);
  }

  async #loadChosen(): Promise<void> {
    if (this.#load.disabled || this.#chosen === "") return;
    await this.#run(this.#chosen, modelName(this.#chosen), this.#bytes);
  }

  async #run(from: SourceLike, name: string, total?: number): Promise<boolean> {
    const dtype = this.#dtype.value === "f16" ? "f16" : "f32";
    try {
      const model = await this.#loading.run(from, name, dtype, total);
      if (!model) return true; // another was chosen meanwhile
      this.#now.textContent = name;
      this.#details.open = false;
      const { shipped } = this.#models;
      remember(typeof from === "string" && from !== shipped.id ? from : undefined);
      // By its name: the same files may come from the disk or another address.
      const card = name === modelName(shipped.id) ? shipped.card : undefined;
      this.#knows.hidden = !card;
      say(`${name} is ready.`);
      this.#options.onModel(model, name, card);
      return true;
    } catch (error) {
      if (isAbort(error)) say(`${name}: cancelled.`);
      else fail(error, { title: `${name} could not be loaded` });
      return false;
    } finally {
      await this.#cache.refresh().catch(fail);
    }
  }
}

/** Keeps the choice in the page's address. */
function remember(id: string | undefined): void {
  const url = new URL(location.href);
  if (id) url.searchParams.set("model", id);
  else url.searchParams.delete("model");
  history.replaceState(null, "", url);
}
