// Where films come from: a dialog, a drop, the camera, or the example that comes with the page.
import { button, el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { fail } from "../shell/messages.ts";

/** Frames of the example, which scripts/demoClip.mjs draws. */
const EXAMPLE_FRAMES = 32;
/** Those of them that are shown. */
const SHOWN = [2, 11, 20, 29];

export interface DeskEvents {
  /** A video, or pictures. */
  readonly onFiles: (files: File[]) => void;
  readonly onCamera: () => void;
  readonly onExample: (files: File[]) => void;
}

export class Desk {
  readonly element: HTMLElement;
  readonly #drop: HTMLElement;
  readonly #heading = el("h2", {}, "Drop a video");

  constructor({ onFiles, onCamera, onExample }: DeskEvents) {
    const take = () => void exampleFiles().then(onExample, fail);
    const strip = el(
      "ul",
      { class: "film desk-strip", "aria-label": "The example" },
      ...SHOWN.map((frame) => cell(frame, take)),
    );
    const buttons = el(
      "div",
      { class: "row" },
      fileButton("Choose a video…", onFiles, { accept: "video/*", multiple: false }),
      fileButton("A folder of pictures…", onFiles, { folder: true }),
      button("Use the camera", onCamera),
      button("Take the example", take),
    );
    this.#drop = el(
      "div",
      { class: "drop" },
      this.#heading,
      el("p", { class: "soft" }, "Or the pictures of its frames. Everything stays on this computer."),
      buttons,
    );
    this.element = el("div", { class: "desk" }, this.#drop, strip);
  }

  /** A film is on the table. */
  mark(): void {
    this.#heading.textContent = "Another one";
    this.#drop.classList.add("is-small");
    this.element.classList.add("is-small");
  }
}

/** A frame of the example, which a click takes. */
function cell(frame: number, take: () => void): HTMLElement {
  const src = `example/${String(frame).padStart(2, "0")}.jpg`;
  const face = button("", take);
  face.className = "cell-picture";
  face.setAttribute("aria-label", `The example, its frame ${frame + 1}`);
  face.append(el("img", { src, alt: "", width: 384, height: 256, loading: "lazy" }));
  return el("li", { class: "cell" }, face);
}

async function exampleFiles(): Promise<File[]> {
  return Promise.all(
    Array.from({ length: EXAMPLE_FRAMES }, async (_, i) => {
      const name = `${String(i).padStart(2, "0")}.jpg`;
      const response = await fetch(`example/${name}`);
      if (!response.ok) throw new Error(`example/${name} answered ${response.status}: reload the page`);
      return new File([await response.blob()], name, { type: "image/jpeg" });
    }),
  );
}
