// The masks that a prompt gave, as frames of a strip: small cut-outs with their scores, the chosen one ringed.
import type { SamMask } from "../engine.ts";
import { el } from "../shell/dom.ts";
import type { Step } from "./history.ts";
import { best } from "./history.ts";
import type { Picture } from "./picture.ts";
import { type Region, regionOf } from "./region.ts";
import { pencilRing } from "./svg.ts";

/** SAM's own estimate of a mask's IoU: what it thinks less of is a guess. */
const UNSURE_BELOW = 0.5;

/** Pixels of a small picture, twice those of the page. */
const SIDE = 264;

export class Candidates {
  readonly element = el("ul", { class: "film candidates", "aria-label": "Masks to choose from" });
  readonly #onChoose: (index: number) => void;
  readonly #ring = pencilRing();

  constructor(onChoose: (index: number) => void) {
    this.#onChoose = onChoose;
  }

  /** Shows the masks of a step, or an empty strip when there is no step. */
  show(picture: Picture | undefined, { masks, chosen }: Step): void {
    const top = masks.length > 1 ? best(masks) : -1; // nothing to be better than
    const regions = masks.map(regionOf);
    const view = viewOf(regions);
    const cells = regions.map((region, i) => {
      const face = picture && small(picture, region, view);
      return this.#cell(face, (masks[i] as SamMask).score, i, i === top);
    });
    this.element.replaceChildren(...cells);
    this.choose(chosen);
  }

  /** Moves the ring to the chosen mask. */
  choose(index: number): void {
    for (const [i, cell] of [...this.element.children].entries()) {
      cell.firstElementChild?.setAttribute("aria-pressed", String(i === index));
      if (i === index) cell.append(this.#ring);
    }
  }

  #cell(face: Node | undefined, score: number, index: number, isBest: boolean): HTMLElement {
    const isGuess = score < UNSURE_BELOW;
    const words = `${isBest ? ", the best" : ""}${isGuess ? ", a guess" : ""}`;
    const label = `Mask ${index + 1}, score ${score.toFixed(3)}${words}`;
    const button = el(
      "button",
      { type: "button", class: "cell-picture", "aria-label": label, on: { click: () => this.#onChoose(index) } },
      face,
    );
    const edge = el(
      "p",
      { class: "cell-edge" },
      el("span", {}, `${index + 1}${isGuess ? " guess" : isBest ? " best" : ""}`),
      el("span", { class: "score-value" }, score.toFixed(3)),
    );
    const cell = el("li", { class: isGuess ? "cell is-guess" : "cell", "data-score": score.toFixed(6) }, button, edge);
    cell.style.setProperty("--share", String(Math.min(1, Math.max(0, score))));
    return cell;
  }
}

/** A part of the picture, in its pixels. */
type View = readonly [x: number, y: number, width: number, height: number];

/** The part of the picture that shows all masks, with a margin; its sides are 3 to 2, as those of a frame. */
function viewOf(regions: readonly Region[]): View {
  const { width, height } = regions[0] ?? { width: 1, height: 1 };
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (const { data } of regions) {
    for (let y = 0, at = 0; y < height; y++, at += width) {
      const row = data.subarray(at, at + width);
      const first = row.indexOf(1);
      if (first < 0) continue;
      [x0, x1] = [Math.min(x0, first), Math.max(x1, row.lastIndexOf(1) + 1)];
      [y0, y1] = [Math.min(y0, y), Math.max(y1, y + 1)];
    }
  }
  if (x1 <= x0) return [0, 0, width, height];
  const comfortable = Math.max((y1 - y0) * 1.3, ((x1 - x0) * 1.3) / 1.5, height / 8);
  const tall = Math.min(comfortable, Math.max(height, width / 1.5));
  const within = (middle: number, length: number, all: number) =>
    length > all ? (all - length) / 2 : Math.min(all - length, Math.max(0, middle - length / 2));
  return [within((x0 + x1) / 2, tall * 1.5, width), within((y0 + y1) / 2, tall, height), tall * 1.5, tall];
}

/** A part of the picture as a thumbnail, dark outside of the mask. */
function small({ bitmap, width, height }: Picture, { data }: Region, [left, top, wide, tall]: View): HTMLCanvasElement {
  const scale = SIDE / wide;
  const [w, h] = [SIDE, Math.max(1, Math.round(tall * scale))];
  const canvas = el("canvas", { width: w, height: h });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(bitmap, -left * scale, -top * scale, width * scale, height * scale);
  const shade = new ImageData(w, h);
  for (let row = 0, i = 3; row < h; row++) {
    const y = Math.floor(top + (row + 0.5) / scale);
    for (let column = 0; column < w; column++, i += 4) {
      const x = Math.floor(left + (column + 0.5) / scale);
      const isInside = x >= 0 && x < width && y >= 0 && y < height && data[y * width + x] === 1;
      shade.data[i] = isInside ? 0 : 176;
    }
  }
  const over = new OffscreenCanvas(w, h);
  over.getContext("2d")?.putImageData(shade, 0, 0);
  context.drawImage(over, 0, 0);
  return canvas;
}
