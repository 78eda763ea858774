// Zero-shot classification of one photo: labels and prompt templates that can be edited, scored as one types.
import type { Clip } from "../engine.ts";
import { button, el, freshId } from "../shell/dom.ts";
import type { ModelCard } from "../shell/knownModels.ts";
import { Latest } from "../shell/latest.ts";
import { recovering } from "../shell/recover.ts";
import { scoreRows } from "../shell/scores.ts";
import { unknownWords } from "./known.ts";
import type { Photo, Photos } from "./photos.ts";

const LABELS = ["cat", "dog", "horse", "bird", "truck", "automobile", "ship", "airplane", "flower", "cup of coffee"];

/** Sets of templates; several are averaged. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "One sentence": ["a photo of a {}."],
  "Seven sentences, averaged": [
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
  ],
  "The bare word": ["{}"],
};

export class Classifier {
  readonly element: HTMLElement;
  readonly #photos: Photos;
  readonly #image = el("img", { alt: "", class: "picked-image", decoding: "async" });
  readonly #name = el("h2", { tabindex: -1 });
  readonly #labels = el("textarea", { rows: 6, spellcheck: "false" });
  readonly #templates = el("textarea", { rows: 3, spellcheck: "false" });
  readonly #results = el("ol", { class: "scores", "aria-label": "Labels by score" });
  readonly #hint = el("p", { class: "hint" });
  readonly #latest = new Latest();
  #card: ModelCard | undefined;
  /** Labels that nobody has edited: another model has others. */
  #offered = LABELS.join("\n");
  #photo: Photo | undefined;
  #clip: Clip | undefined;
  #model = "";

  constructor(photos: Photos, onClose: () => void) {
    this.#photos = photos;
    this.#labels.value = this.#offered;
    this.#templates.value = (TEMPLATES["One sentence"] ?? []).join("\n");
    for (const field of [this.#labels, this.#templates]) field.addEventListener("input", () => this.refresh());
    const close = button("Close", onClose, "is-small");
    this.element = el(
      "section",
      { class: "picked", hidden: true, "aria-label": "Classify a photo" },
      el("div", { class: "picked-head" }, this.#name, close),
      this.#image,
      this.#results,
      this.#hint,
      this.#words(),
    );
  }

  useModel(clip: Clip, name: string, card: ModelCard | undefined): void {
    this.#clip = clip;
    this.#model = name;
    this.#card = card;
    const labels = (card?.labels ?? LABELS).join("\n");
    if (this.#labels.value === this.#offered) this.#labels.value = labels;
    this.#offered = labels;
    this.#hint.textContent = card ? `A photo of anything else gets one of these from ${name} too.` : "";
    this.refresh();
  }

  /** Looks at a photo, or at none. */
  show(photo: Photo | undefined): void {
    this.#photo = photo;
    this.element.hidden = !photo;
    if (this.#image.src) URL.revokeObjectURL(this.#image.src);
    this.#image.removeAttribute("src");
    if (!photo) return;
    this.#name.textContent = photo.name;
    this.#image.alt = photo.name;
    this.#image.src = URL.createObjectURL(photo.picture);
    this.#results.replaceChildren();
    this.#name.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
    this.refresh();
  }

  /** Scores again what is there: labels, sentences or the photo's embedding have changed. */
  refresh(): void {
    const photo = this.#photo;
    if (photo) this.#latest.run((signal) => this.#score(photo, signal));
  }

  /** What can be edited: open where there is room for it. */
  #words(): HTMLElement {
    const open = matchMedia("(min-width: 60rem)").matches;
    return el(
      "details",
      { class: "picked-words", open },
      el("summary", {}, "Labels and sentences"),
      el("label", { class: "field" }, el("span", {}, "Labels, one a line"), this.#labels),
      this.#presets(),
      el("label", { class: "field" }, el("span", {}, "Sentences, {} is the label"), this.#templates),
    );
  }

  #presets(): HTMLElement {
    const id = freshId("preset");
    const select = el("select", { id }, ...Object.keys(TEMPLATES).map((name) => el("option", {}, name)));
    select.addEventListener("change", () => {
      this.#templates.value = (TEMPLATES[select.value] ?? []).join("\n");
      this.refresh();
    });
    return el("label", { class: "field", for: id }, el("span", {}, "Prompt"), select);
  }

  async #score(photo: Photo, signal: AbortSignal): Promise<void> {
    const clip = this.#clip;
    const embedding = await this.#photos.embedding(this.#model, photo);
    if (signal.aborted) return undefined;
    const labels = [...new Set(lines(this.#labels))];
    const templates = lines(this.#templates);
    if (!clip || labels.length === 0) return this.#results.replaceChildren();
    if (photo.failure) return this.#tell(photo.failure);
    if (!embedding) return this.#tell("This photo's turn comes soon…");
    if (templates.length === 0 || templates.some((text) => !text.includes("{}"))) {
      return this.#tell("Every sentence needs a {} for the label.");
    }
    const image = { data: embedding, shape: [1, embedding.length] };
    const logits = await recovering(async () => clip.similarity(image, await clip.encodeLabels(labels, templates)));
    if (!signal.aborted) this.#draw(labels, softmax(logits.data as Float32Array));
  }

  #tell(text: string): void {
    this.#results.replaceChildren(el("li", { class: "hint" }, text));
  }

  #draw(labels: readonly string[], scores: readonly number[]): void {
    const remark = (label: string) =>
      this.#card && unknownWords(label, this.#card).length > 0 ? "never learnt" : undefined;
    this.#results.replaceChildren(
      ...scoreRows(labels.map((label, i) => ({ label, score: scores[i] as number, remark: remark(label) }))),
    );
  }
}

function lines(field: HTMLTextAreaElement): string[] {
  return field.value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function softmax(logits: Float32Array): number[] {
  const most = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
