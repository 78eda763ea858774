// The page: photos on one side, words on the other.
import type { Clip } from "../engine.ts";
import { button, el } from "../shell/dom.ts";
import { fileButton, sortOut, takeDrops } from "../shell/drop.ts";
import { bytes, counted } from "../shell/format.ts";
import type { ModelCard } from "../shell/knownModels.ts";
import { Latest } from "../shell/latest.ts";
import { fail, isAbort, note, say } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import { recovering } from "../shell/recover.ts";
import { learntPhotos, samplePhotos } from "../shell/samples.ts";
import { Classifier } from "./classify.ts";
import { embedAll } from "./embed.ts";
import { doubtOf } from "./known.ts";
import { type Photo, Photos, type Ranked } from "./photos.ts";
import { Remembered } from "./remembered.ts";
import { Sheet } from "./sheet.ts";

export class SearchPage {
  readonly element: HTMLElement;
  readonly #photos = new Photos({
    onLeftOut: ({ name, failure }) => note(`${failure}`, { title: `${name} is left out` }),
    onNotKept: ({ message }) => note(`They go when the page does: ${message}`, { title: "The photos are not kept" }),
  });
  readonly #sheet = new Sheet({
    onPick: (photo) => this.#pick(photo),
    onUnreadable: (photo, why) => this.#photos.leaveOut(photo, why),
  });
  readonly #classifier = new Classifier(this.#photos, () => this.#pick(undefined));
  readonly #progress = new Progress("Stop");
  readonly #latest = new Latest();
  readonly #query = el("input", {
    type: "search",
    id: "query",
    class: "query",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
  });
  /** Texts that the small model can find. */
  readonly #queries = el("div", { class: "row queries", hidden: true });
  readonly #doubt = el("p", { class: "doubt", role: "status", hidden: true });
  readonly #count = el("p", { class: "edge soft", id: "count" });
  readonly #drop: HTMLElement;
  readonly #more = button("Sample photos", () => void this.#samples());
  readonly #clear = button("Clear all", () => void this.#clearAll(), "is-quiet");
  readonly #takeModel: (files: File[]) => void;
  #clip: Clip | undefined;
  #model = "";
  #card: ModelCard | undefined;
  #isEmbedding = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  /** The text's embedding, while one is searched for, and what is found for it. */
  #queryEmbedding: Float32Array | undefined;
  #ranked: readonly Ranked[] = [];

  constructor(takeModel: (files: File[]) => void) {
    this.#takeModel = takeModel;
    this.#drop = this.#dropZone();
    this.element = el("div", { class: "search" }, this.#words(), this.#actions(), this.#classifier.element, this.#drop);
    this.element.append(this.#sheet.element);
    const drops = { onPictures: (files: File[]) => this.add(files), onModel: takeModel };
    takeDrops(drops);
    this.#draw();
  }

  /** Shows the photos of earlier visits, where this browser keeps them. */
  async remember(): Promise<void> {
    try {
      const remembered = await Remembered.open();
      if (!remembered) return;
      const count = await this.#photos.remember(remembered);
      if (count > 0) say(`${counted(count, "photo")} of your last visit.`);
    } catch (error) {
      note(`${(error as Error).message}`, { title: "The photos of your last visit cannot be read" });
    }
    this.#draw();
  }

  /** A model is ready: photos that it has not seen are embedded, and the search is repeated. */
  useModel(clip: Clip, name: string, card: ModelCard | undefined): void {
    this.#clip = clip;
    this.#model = name;
    this.#card = card;
    this.#offer(card?.queries ?? []);
    this.#queryEmbedding = undefined;
    this.#classifier.useModel(clip, name, card);
    void this.#openModel(clip, name);
  }

  /** What the browser keeps of the model's embeddings, and then what it has not seen. */
  async #openModel(clip: Clip, name: string): Promise<void> {
    try {
      await this.#photos.open(name, (await clip.encodeImage([])).shape[1] as number);
    } catch (error) {
      fail(error);
    }
    if (this.#clip !== clip) return;
    void this.#embed();
    this.#search(0);
  }

  /** Adds photos to the sheet. */
  add(files: readonly File[]): void {
    const fresh = this.#photos.add(files);
    if (fresh.length === 0) say("These photos are here already.");
    else say(`${counted(fresh.length, "photo")} added.`);
    this.#draw();
    void this.#embed();
  }

  #words(): HTMLElement {
    this.#query.addEventListener("input", () => this.#search());
    const label = el("label", { for: "query", class: "label" }, "What are you looking for?");
    return el("search", { class: "words" }, label, this.#query, this.#queries, this.#doubt);
  }

  /** Texts of which the model has learnt each word, one click away; of a real model anything will do. */
  #offer(queries: readonly string[]): void {
    this.#query.placeholder = queries[0] ?? "a red saree with gold border";
    this.#queries.hidden = queries.length === 0;
    const faces = queries.map((text) =>
      button(
        text,
        () => {
          this.#query.value = text;
          this.#search(0);
        },
        "is-small",
      ),
    );
    this.#queries.replaceChildren(el("span", { class: "hint" }, "It can find"), ...faces);
  }

  #actions(): HTMLElement {
    const take = (files: File[]) => this.#take(files);
    const row = el(
      "div",
      { class: "row" },
      fileButton("Add photos…", take, { accept: "image/*" }),
      fileButton("Add a folder…", take, { folder: true }),
      this.#more,
      this.#clear,
      this.#count,
    );
    return el("div", { class: "stack" }, row, this.#progress.element);
  }

  #dropZone(): HTMLElement {
    return el(
      "div",
      { class: "drop" },
      el("h2", {}, "Drop photos or a whole folder"),
      el(
        "p",
        { class: "soft" },
        "They stay on this computer: the model comes to them. No photos at hand? Take the samples.",
      ),
      button("Use the sample photos", () => void this.#samples(), "is-main"),
    );
  }

  async #samples(): Promise<void> {
    try {
      this.add(await samplePhotos(this.#card && learntPhotos()));
    } catch (error) {
      fail(error);
    }
  }

  #take(files: File[]): void {
    sortOut(files, { onPictures: (pictures) => this.add(pictures), onModel: this.#takeModel });
  }

  async #embed(): Promise<void> {
    const clip = this.#clip;
    if (!clip || this.#isEmbedding) return;
    this.#isEmbedding = true;
    const model = this.#model;
    try {
      const isCurrent = () => this.#clip === clip;
      await embedAll(this.#photos, clip, model, this.#progress, { onSome: () => this.#onSome() }, isCurrent);
    } catch (error) {
      if (isAbort(error))
        note("Photos that were not looked at yet are not found.", {
          title: "Stopped",
          action: { label: "Go on", run: () => void this.#embed() },
        });
      else if (this.#clip === clip) fail(error);
    } finally {
      this.#isEmbedding = false;
    }
    if (this.#clip !== clip) void this.#embed();
  }

  #onSome(): void {
    this.#classifier.refresh();
    // On a quick GPU batches come faster than anybody can look.
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      if (this.#queryEmbedding) void this.#rank();
      else this.#draw();
    }, 150);
  }

  #search(pause?: number): void {
    const text = this.#query.value.trim();
    if (text === "") {
      this.#latest.stop();
      this.#queryEmbedding = undefined;
      this.#draw();
      return;
    }
    this.#latest.run(async (signal) => {
      const clip = this.#clip;
      if (!clip) return;
      const { data } = await recovering(() => clip.encodeText(text, { signal }));
      if (signal.aborted || this.#clip !== clip) return;
      this.#queryEmbedding = data as Float32Array;
      await this.#rank(signal);
      if (signal.aborted) return;
      const [best] = this.#ranked;
      if (!this.#doubt.hidden) say(this.#doubt.textContent);
      else if (best && Number.isFinite(best.score)) say(`Best: ${best.photo.name}, ${best.score.toFixed(3)}`);
    }, pause);
  }

  /** Ranks the photos for what is searched for now. */
  async #rank(signal?: AbortSignal): Promise<void> {
    const [embedding, model] = [this.#queryEmbedding, this.#model];
    if (!embedding) return;
    try {
      const ranked = await recovering(() => this.#photos.rank(model, embedding, signal));
      if (this.#queryEmbedding !== embedding || this.#model !== model) return;
      this.#ranked = ranked;
      this.#draw();
    } catch (error) {
      if (!isAbort(error)) fail(error);
    }
  }

  #draw(): void {
    const { list, bytes: kept } = this.#photos;
    const order = this.#queryEmbedding
      ? this.#ranked
      : list.map((photo) => ({ photo, score: Number.NEGATIVE_INFINITY }));
    const doubt = this.#queryEmbedding && this.#card && doubtOf(this.#query.value, order, this.#card, this.#model);
    this.#doubt.hidden = !doubt;
    this.#doubt.textContent = doubt ?? "";
    this.#sheet.show(order, this.#queryEmbedding !== undefined, !doubt);
    this.#drop.hidden = list.length > 0;
    for (const each of [this.#more, this.#clear]) each.hidden = list.length === 0;
    const what = [counted(list.length, "photo")];
    if (order.length < list.length) what.push(`the best ${order.length.toLocaleString("en")} here`);
    if (kept > 0) what.push(`${bytes(kept)} kept in this browser`);
    this.#count.textContent = list.length > 0 ? what.join(", ") : "";
  }

  #pick(photo: Photo | undefined): void {
    this.element.classList.toggle("has-picked", photo !== undefined);
    this.#sheet.mark(photo);
    this.#classifier.show(photo);
  }

  async #clearAll(): Promise<void> {
    try {
      await this.#photos.clear();
    } catch (error) {
      fail(error);
    }
    this.#ranked = [];
    this.#sheet.clear();
    this.#pick(undefined);
    this.#draw();
    if (this.#clip) void this.#openModel(this.#clip, this.#model);
    say("All photos are gone from the page and from this browser.");
  }
}
