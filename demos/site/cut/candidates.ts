// The masks that a prompt gave, as frames of a strip: small cut-outs with their scores, the chosen one ringed.
import { el } from "../shell/dom.ts";
import type { Step } from "./history.ts";
import { best } from "./history.ts";
import type { Picture } from "./picture.ts";
import { type Region, regionOf } from "./region.ts";
import { pencilRing } from "./svg.ts";

/** Pixels of a small picture, twice those of the page. */
const SIDE = 264;

export class Candidates {
  readonly element = el("ul", { class: "film candidates", "aria-label": "Masks to choose from" });
  readonly #onChoose: (index: number) => void;
  readonly #ring = pencilRing();

  constructor(onChoose: (index: number) => void) {
    this.#onChoose = onChoose;
  }

  /** Shows the masks of a step; none where there are none. */
  show(picture: Picture | undefined, step: Step): void {
    const { masks, chosen } = step;
    const top = best(masks);
    const cells = picture ? masks.map((mask, i) => this.#cell(picture, regionOf(mask), mask.score, i, i === top)) : [];
    this.element.replaceChildren(...cells);
    this.choose(chosen);
  }

  /** Moves the ring. */
  choose(index: number): void {
    for (const [i, cell] of [...this.element.children].entries()) {
      cell.firstElementChild?.setAttribute("aria-pressed", String(i === index));
      if (i === index) cell.append(this.#ring);
    }
  }

  #cell(picture: Picture, region: Region, score: number, index: number, isBest: boolean): HTMLElement {
    const label = `Mask ${index + 1}, score ${score.toFixed(3)}${isBest ? ", the best" : ""}`;
    const button = el(
      "button",
      { type: "button", class: "cell-picture", "aria-label": label, on: { click: () => this.#onChoose(index) } },
      small(picture, region),
    );
    const edge = el(
      "p",
      { class: "cell-edge" },
      el("span", {}, `${index + 1}${isBest ? " best" : ""}`),
      el("span", { class: "score-value" }, score.toFixed(3)),
    );
    return el("li", { class: "cell", "data-score": score.toFixed(6) }, button, edge);
  }
}

/** The picture in small, dark where the mask is not. */
function small({ bitmap, width, height }: Picture, { data }: Region): HTMLCanvasElement {
  const scale = SIDE / Math.max(width, height);
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  const canvas = el("canvas", { width: w, height: h });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0, w, h);
  const shade = new ImageData(w, h);
  for (let y = 0, i = 3; y < h; y++) {
    const row = Math.min(height - 1, Math.floor((y + 0.5) / scale)) * width;
    for (let x = 0; x < w; x++, i += 4) {
      const inside = data[row + Math.min(width - 1, Math.floor((x + 0.5) / scale))];
      shade.data[i] = inside ? 0 : 208;
    }
  }
  const over = new OffscreenCanvas(w, h);
  over.getContext("2d")?.putImageData(shade, 0, 0);
  context.drawImage(over, 0, 0);
  return canvas;
}
