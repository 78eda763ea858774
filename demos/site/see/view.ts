// A photo with a layer of patches on it, drawn at the screen's own pixels.
import { el } from "../shell/dom.ts";
import { pictureToElement, pointerToPicture } from "../shell/onScreen.ts";
import type { Layer } from "./heat.ts";
import type { Picture } from "./pictures.ts";

export interface Drawing {
  readonly picture: Picture;
  readonly layer?: Layer | undefined;
  /** Of the layer, 0 to 1. */
  readonly opacity?: number;
  /** Patches flow into each other, instead of squares. */
  readonly smooth?: boolean;
  /** A patch in a white frame. */
  readonly chosen?: Cell | undefined;
  /** A patch that is ringed with a pencil. */
  readonly ringed?: Cell | undefined;
}

export type Cell = readonly [row: number, column: number];

// An uneven ellipse, as a pencil draws it, in a box of 150 x 110.
const RING = "M26 17C62 1 128 3 142 30C157 62 130 101 82 105C34 108 -1 88 4 50C8 22 42 5 96 6";

export class PictureView {
  readonly canvas = el("canvas", { class: "view", role: "img", "aria-label": "nothing yet" });
  readonly #sizes = new ResizeObserver(() => this.#draw());
  #drawing: Drawing | undefined;

  constructor() {
    this.#sizes.observe(this.canvas);
  }

  /** Draws, and says in words what is drawn. */
  show(drawing: Drawing, label: string): void {
    const { width, height } = drawing.picture.bitmap;
    this.#drawing = drawing;
    this.canvas.style.setProperty("--ratio", String(width / height));
    this.canvas.setAttribute("aria-label", label);
    this.#draw();
  }

  /** No more redrawing. */
  close(): void {
    this.#sizes.disconnect();
  }

  /** Which patch lies under a pointer. */
  cellAt(pointer: MouseEvent): Cell | undefined {
    const layer = this.#drawing?.layer;
    if (!layer) return undefined;
    const [x, y] = pointerToPicture(pointer, this.canvas, pictureToElement(layer, this.canvas));
    const within = (value: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(value)));
    return [within(y, layer.height), within(x, layer.width)];
  }

  #draw(): void {
    const { canvas } = this;
    const drawing = this.#drawing;
    const context = canvas.getContext("2d");
    if (!drawing || !context || canvas.clientWidth === 0) return;
    const { picture, layer, opacity = 1, smooth = true, chosen, ringed } = drawing;
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round((canvas.width * picture.bitmap.height) / picture.bitmap.width);
    context.imageSmoothingQuality = "high";
    const photo = canvas.width > picture.small.width ? picture.bitmap : picture.small;
    context.drawImage(photo, 0, 0, canvas.width, canvas.height);
    if (!layer) return;
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = smooth;
    context.drawImage(patches(layer), 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
    const [width, height] = [canvas.width / layer.width, canvas.height / layer.height];
    if (chosen) frame(context, chosen[1] * width, chosen[0] * height, width, height);
    if (ringed) ring(context, (ringed[1] + 0.5) * width, (ringed[0] + 0.5) * height, Math.max(width, height));
  }
}

function patches({ width, height, rgba }: Layer): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function frame(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  const line = 2.5 * devicePixelRatio;
  for (const [style, wide] of [
    ["rgb(0 0 0 / 0.8)", 2 * line],
    ["#ffffff", line],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.strokeRect(x - line / 2, y - line / 2, width + line, height + line);
  }
}

function ring(context: CanvasRenderingContext2D, x: number, y: number, patch: number): void {
  const scale = Math.max(2.6 * patch, 46 * devicePixelRatio) / 150;
  context.save();
  context.translate(x - 75 * scale, y - 55 * scale);
  context.scale(scale, scale);
  context.lineCap = "round";
  const path = new Path2D(RING);
  for (const [style, wide] of [
    ["rgb(0 0 0 / 0.55)", 5.5],
    [colour("--film-pencil"), 3],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = (wide * devicePixelRatio) / scale;
    context.stroke(path);
  }
  context.restore();
}
