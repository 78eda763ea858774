// One of two pictures whose patches are compared: a patch is chosen by pointer or with the arrow keys.
import { el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { sampleStrip } from "./controls.ts";
import type { Picture } from "./pictures.ts";
import { type Cell, type Drawing, PictureView } from "./view.ts";

export interface SideEvents {
  readonly onFiles: (files: File[]) => void;
  /** A patch was chosen. */
  readonly onCell: (cell: Cell) => void;
  /** Id of what says the result in words. */
  readonly describedBy: string;
}

const STEPS: Readonly<Record<string, Cell>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export class Side {
  readonly element: HTMLElement;
  readonly name: string;
  picture: Picture | undefined;
  readonly #view = new PictureView();
  readonly #pad: HTMLElement;
  readonly #caption = el("figcaption", { class: "cell-edge" });
  readonly #onCell: (cell: Cell) => void;
  #drawing: Partial<Drawing> = {};

  constructor(name: string, { onFiles, onCell, describedBy }: SideEvents) {
    this.name = name;
    this.#onCell = onCell;
    this.#view.canvas.setAttribute("aria-hidden", "true");
    this.#pad = el(
      "div",
      {
        class: "pad",
        tabindex: 0,
        role: "application",
        "aria-label": `Patches of the ${name} picture`,
        "aria-roledescription": "picture of patches, arrow keys choose one",
        "aria-describedby": describedBy,
      },
      this.#view.canvas,
    );
    this.#listen();
    const choose = fileButton(`Picture on the ${name}…`, onFiles, { accept: "image/*", multiple: false });
    const strip = sampleStrip(onFiles, `Sample on the ${name}`);
    const figure = el("figure", { class: "large" }, this.#pad, this.#caption);
    this.element = el("div", { class: "stack side" }, figure, el("div", { class: "row" }, choose, strip));
  }

  show(drawing: Omit<Partial<Drawing>, "picture">): void {
    const { picture } = this;
    this.#drawing = drawing;
    if (!picture) return;
    const { layer } = drawing;
    this.#view.show({ ...drawing, picture }, picture.name);
    const size = layer ? `${layer.height} × ${layer.width} patches` : "…";
    this.#caption.replaceChildren(el("span", {}, picture.name), el("span", { class: "name" }, size));
  }

  #listen(): void {
    const point = (event: PointerEvent) => {
      const cell = this.#view.cellAt(event);
      if (cell) this.#onCell(cell);
    };
    this.#pad.addEventListener("pointerdown", (event) => {
      this.#pad.setPointerCapture(event.pointerId);
      point(event);
    });
    this.#pad.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) point(event);
    });
    this.#pad.addEventListener("keydown", (event) => this.#walk(event));
  }

  #walk(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    const { layer, chosen, ringed } = this.#drawing;
    if (!step || !layer) return;
    event.preventDefault();
    const [row, column] = chosen ?? ringed ?? [0, 0];
    const inside = (at: number, count: number) => Math.min(count - 1, Math.max(0, at));
    this.#onCell([inside(row + step[0], layer.height), inside(column + step[1], layer.width)]);
  }
}
