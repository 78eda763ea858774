// Where photos come from: a dialog, a drop, or one of those that come with the page.
import { button, el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { fail } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";

// Those at the head are cut well by the small model too, which finds regions of one colour or texture.
const SAMPLES = [
  ["flower.jpg", "a flower"],
  ["drawn-frog.jpg", "a drawn frog"],
  ["drawn-bird.jpg", "a drawn bird"],
  ["drawn-ship.jpg", "a drawn ship"],
  ["drawn-shapes.jpg", "drawn shapes"],
  ["dog.jpg", "a dog"],
  ["truck.jpg", "a truck"],
  ["groceries.jpg", "groceries"],
] as const;

export class Desk {
  readonly element: HTMLElement;
  /** Shown until a photo was chosen. */
  readonly #drop: HTMLElement;
  /** Shown afterwards. */
  readonly #more: HTMLElement;
  readonly #strip: HTMLElement;
  readonly #onFiles: (files: File[]) => void;

  constructor(onFiles: (files: File[]) => void) {
    this.#onFiles = onFiles;
    this.#strip = el(
      "ul",
      { class: "film desk-strip", "aria-label": "Sample photos" },
      ...SAMPLES.map(([name, about]) => this.#cell(name, about)),
    );
    this.#drop = el(
      "div",
      { class: "drop" },
      el("h2", {}, "Drop a photo"),
      el("p", { class: "soft" }, "It stays on this computer. No photo at hand? Take one of these."),
      this.#choose("Choose a photo…", "is-main"),
    );
    this.#more = el(
      "div",
      { class: "row", hidden: true },
      this.#choose("Another photo…"),
      el("p", { class: "hint" }, "Or drop one anywhere, paste one, or take one of these."),
    );
    this.element = el("div", { class: "desk" }, this.#drop, this.#more, this.#strip);
  }

  /** A button that chooses another photo. */
  #choose(label: string, kind = ""): HTMLElement {
    return fileButton(label, this.#onFiles, { accept: "image/*", multiple: false, kind });
  }

  /** A photo is on the table; a sample is marked. */
  mark(name: string): void {
    this.#drop.hidden = true;
    this.#more.hidden = false;
    this.element.classList.add("is-small");
    for (const cell of this.#strip.children) {
      const isHere = (cell as HTMLElement).dataset.name === name;
      cell.firstElementChild?.setAttribute("aria-pressed", String(isHere));
    }
  }

  #cell(name: string, about: string): HTMLElement {
    const image = el("img", { src: `photos/${name}`, alt: "", width: 240, height: 160, loading: "lazy" });
    const face = button("", () => void this.#take(name));
    face.className = "cell-picture";
    face.setAttribute("aria-label", `Sample: ${about}`);
    face.append(image);
    return el("li", { class: "cell", "data-name": name }, face);
  }

  async #take(name: string): Promise<void> {
    try {
      this.#onFiles(await samplePhotos([name]));
    } catch (error) {
      fail(error);
    }
  }
}
