// One class: its name and its examples.
import { button, el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { Latest } from "../shell/latest.ts";
import type { Picture } from "./pictures.ts";
import { PictureView } from "./view.ts";

export interface CardEvents {
  readonly onFiles: (files: File[]) => void;
  /** Something is dropped on the card, and comes to the page next. */
  readonly onDrop: () => void;
  readonly onChange: () => void;
  readonly onRemove: () => void;
}

export class ClassCard {
  readonly element: HTMLElement;
  readonly name = el("input", {
    type: "text",
    "aria-label": "Name of the class",
    spellcheck: "false",
    autocomplete: "off",
  });
  pictures: Picture[] = [];
  readonly #examples = el("ul", { class: "examples", "aria-label": "Examples" });
  readonly #onChange: () => void;
  readonly #latest = new Latest();

  constructor(name: string, { onFiles, onDrop, onChange, onRemove }: CardEvents) {
    this.#onChange = onChange;
    this.name.value = name;
    this.name.addEventListener("input", () => this.#latest.run(async () => onChange(), 300));
    const remove = button("Remove class", onRemove, "is-small is-quiet");
    this.element = el(
      "section",
      { class: "class-card", "aria-label": "A class" },
      el("div", { class: "class-head" }, this.name, remove),
      this.#examples,
      fileButton("Add examples…", onFiles, { accept: "image/*" }),
    );
    // The page's own listener comes after this one, and brings the files.
    this.element.addEventListener("drop", onDrop);
  }

  /** A class without a name is called by a dash. */
  get label(): string {
    return this.name.value.trim() || "–";
  }

  add(pictures: readonly Picture[]): void {
    for (const picture of pictures) {
      if (this.pictures.includes(picture)) continue;
      this.pictures.push(picture);
      this.#examples.append(this.#example(picture));
    }
  }

  #example(picture: Picture): HTMLElement {
    const view = new PictureView();
    view.show({ picture }, picture.name);
    const remove = button(
      "×",
      () => {
        this.pictures = this.pictures.filter((other) => other !== picture);
        view.close();
        item.remove();
        this.name.focus();
        this.#onChange();
      },
      "remove",
    );
    remove.setAttribute("aria-label", `Take ${picture.name} away`);
    const item = el("li", {}, view.canvas, remove);
    return item;
  }
}
