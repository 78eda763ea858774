// The picture as a frame of film, with what is cut out of it: a canvas at the screen's own pixels for the picture and
// what dims or colours it, and over it an SVG for outlines, points and the crosshair. Both draw in pixels of the
// picture, and one matrix takes those to the stage.
import { mat3d, vec2d } from "wgpu-matrix";
import type { SamBox } from "../engine.ts";
import { el } from "../shell/dom.ts";
import { domMatrix, pictureToElement, pointerToPicture } from "../shell/onScreen.ts";
import type { Prompt } from "./history.ts";
import type { Picture } from "./picture.ts";
import { outlineOf, type Region, shapeOf } from "./region.ts";
import { crosshair, pointMark, svg } from "./svg.ts";
import { Zoom } from "./zoom.ts";

/** What lies outside of a mask. */
const SHADE = "rgb(14 14 16 / 0.66)";
/** What a preview is tinted with. */
const TINT = "rgb(239 176 76 / 0.42)";

/** A picture on the stage. */
type Shown = Pick<Picture, "name" | "bitmap" | "width" | "height">;

/** A mask that is shown, and how it is drawn. */
interface DrawnMask {
  readonly region: Region;
  readonly shape: OffscreenCanvas;
  readonly outline: string;
}

/** Masks of everything mode: a layer of colours, and an outline for each. */
export interface Colours {
  readonly layer: OffscreenCanvas;
  readonly outlines: readonly { readonly path: string; readonly colour: string }[];
}

export class Stage {
  /** Takes the keys and the pointer. */
  readonly element: HTMLElement;
  readonly #canvas = el("canvas", { class: "stage-canvas" });
  readonly #layers = { segments: svg("g"), box: svg("g"), pencil: svg("g"), over: svg("g") };
  readonly #shown = svg("g", {}, ...Object.values(this.#layers));
  readonly #marks = svg("svg", { class: "stage-marks", "aria-hidden": "true" }, this.#shown);
  #zoom = new Zoom({ width: 1, height: 1 });
  #picture: Shown | undefined;
  #mask: DrawnMask | undefined;
  #preview: DrawnMask | undefined;
  #colours: Colours | undefined;
  #prompt: Prompt = { points: [] };
  #drag: SamBox | undefined;
  #cross: readonly [number, number] | undefined;
  #isWaiting = false;
  /** What lies below the marks has changed. */
  #isStale = true;

  constructor(describedBy: string) {
    this.element = el(
      "div",
      { class: "stage", tabindex: 0, role: "application", "aria-label": "No picture", "aria-describedby": describedBy },
      this.#canvas,
      this.#marks,
    );
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** Another frame of the same film, in place of one that is closed: what is drawn over it and the zoom stay. */
  replace(picture: Shown): void {
    const before = this.#picture;
    if (before?.width !== picture.width || before.height !== picture.height) this.show(picture);
    this.#picture = picture;
    before?.bitmap.close();
    this.element.setAttribute("aria-label", `Picture ${picture.name}, ${picture.width} by ${picture.height} pixels`);
    this.#draw();
  }

  /** Another picture; everything that was drawn is gone. */
  show(picture: Shown): void {
    this.#picture = picture;
    this.#mask = this.#preview = this.#colours = this.#drag = this.#cross = undefined;
    this.#prompt = { points: [] };
    this.#zoom = new Zoom(picture);
    this.#outline();
    const { name, width, height } = picture;
    this.element.setAttribute("aria-label", `Picture ${name}, ${width} by ${height} pixels`);
    this.element.style.setProperty("--ratio", String(width / height));
    this.#marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#draw();
  }

  /** The mask that counts: all else is dimmed, and a pencil goes round it. */
  set mask(region: Region | undefined) {
    if (region?.data === this.#mask?.region.data) return;
    this.#mask = region && drawn(region);
    this.#outline();
    this.#draw();
  }

  /** What a click here would give. */
  set preview(region: Region | undefined) {
    if (!region && !this.#preview) return;
    this.#preview = region && drawn(region);
    this.#draw();
  }

  set colours(colours: Colours | undefined) {
    if (colours === this.#colours) return;
    this.#colours = colours;
    this.#outline();
    this.#draw();
  }

  set prompt(prompt: Prompt) {
    this.#prompt = prompt;
    this.#draw(false);
  }

  /** A box that is being drawn. */
  set drag(box: SamBox | undefined) {
    this.#drag = box;
    this.#draw(false);
  }

  set cross(place: readonly [number, number] | undefined) {
    this.#cross = place;
    if (place && this.scale > 1) this.#zoom.reveal(place);
    this.#draw(place !== undefined && this.scale > 1);
  }

  /** 1 for the whole picture. */
  get scale(): number {
    return this.#zoom.scale;
  }

  /** Makes the picture larger about a place of the window, or the middle of the stage. */
  zoom(factor: number, at?: { readonly clientX: number; readonly clientY: number }): void {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    const pointer = at ?? { clientX: left + width / 2, clientY: top + height / 2 };
    this.#zoom.by(factor, pointerToPicture(pointer, this.element, this.#frameToStage));
    this.#look();
  }

  /** Moves the picture, by pixels of the page. */
  pan(dx: number, dy: number): void {
    const [x = 1, y = 1] = vec2d.transformMat3([1, 1], this.#frameToStage);
    this.#zoom.move([dx / x, dy / y]);
    this.#look();
  }

  /** The whole picture again. */
  fit(): void {
    this.#zoom = new Zoom(this.#picture ?? { width: 1, height: 1 });
    this.#look();
  }

  #look(): void {
    this.element.toggleAttribute("data-zoomed", this.scale > 1);
    this.#draw();
  }

  /** Pixels of the picture in one of the page. */
  get unit(): number {
    return 1 / domMatrix(this.#pictureToStage).a;
  }

  /** The pixel of the picture that is under a pointer, or nearest to it. */
  pixelAt(pointer: PointerEvent): readonly [x: number, y: number] {
    const { width = 1, height = 1 } = this.#picture ?? {};
    const [x, y] = pointerToPicture(pointer, this.element, this.#pictureToStage);
    const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, Math.round(value)));
    return [within(x, width), within(y, height)];
  }

  /** From pixels of the picture, when it is whole, to those that the page has for the stage. */
  get #frameToStage(): Float64Array {
    return pictureToElement(this.#picture ?? { width: 1, height: 1 }, this.element);
  }

  /** From the picture's pixels, zoomed as they are, to those that the page has for the stage. */
  get #pictureToStage(): Float64Array {
    return mat3d.multiply(this.#frameToStage, this.#zoom.map);
  }

  #draw(isStale = true): void {
    this.#isStale ||= isStale;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => {
      this.#isWaiting = false;
      if (!this.#picture) return;
      if (this.#isStale) this.#paint(this.#picture);
      this.#isStale = false;
      this.#mark(this.#picture);
    });
  }

  #paint(picture: Shown): void {
    const { width, height } = this.element.getBoundingClientRect();
    const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * devicePixelRatio))) as [number, number];
    if (this.#canvas.width !== w || this.#canvas.height !== h) Object.assign(this.#canvas, { width: w, height: h });
    const context = this.#canvas.getContext("2d") as CanvasRenderingContext2D;
    const stageToCanvas = mat3d.scaling([w / Math.max(1, width), h / Math.max(1, height)]);
    const pictureToCanvas = domMatrix(mat3d.multiply(stageToCanvas, this.#pictureToStage));
    context.setTransform(pictureToCanvas);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture.bitmap, 0, 0);
    if (this.#colours && !this.#mask) context.drawImage(this.#colours.layer, 0, 0);
    context.resetTransform();
    const onCanvas = { width: w, height: h, pictureToCanvas };
    if (this.#mask) context.drawImage(layer(this.#mask, onCanvas, SHADE, "destination-out"), 0, 0);
    if (this.#preview && !this.#mask) context.drawImage(layer(this.#preview, onCanvas, TINT, "destination-in"), 0, 0);
  }

  #mark({ width, height }: Shown): void {
    const { unit } = this;
    this.#shown.setAttribute("transform", String(domMatrix(this.#zoom.map)));
    this.#marks.style.setProperty("--unit", String(unit));
    const box = this.#drag ?? this.#prompt.box;
    this.#layers.box.replaceChildren(...(box ? boxMarks(box, this.#drag !== undefined) : []));
    const over: SVGElement[] = this.#prompt.points.map((point) => pointMark(point, unit));
    if (this.#preview) over.unshift(svg("path", { class: "preview", d: this.#preview.outline }));
    if (this.#cross) over.push(crosshair(...this.#cross, width, height, unit));
    this.#layers.over.replaceChildren(...over);
  }

  /** Outlines, which stay as they are while the rest moves: taking them out would start their animation again. */
  #outline(): void {
    const outlines = (!this.#mask && this.#colours?.outlines) || [];
    const segments = outlines.map(({ path, colour }) => svg("path", { class: "segment", d: path, stroke: colour }));
    this.#layers.segments.replaceChildren(...segments);
    this.#layers.pencil.replaceChildren(...(this.#mask ? pencilMarks(this.#mask.outline) : []));
  }
}

function drawn(region: Region): DrawnMask {
  return { region, shape: shapeOf(region), outline: outlineOf(region) };
}

interface OnCanvas {
  readonly width: number;
  readonly height: number;
  readonly pictureToCanvas: DOMMatrix;
}

/** A colour over all of the stage, without the mask's shape or within it alone. */
function layer(
  { region, shape }: DrawnMask,
  { width, height, pictureToCanvas }: OnCanvas,
  colour: string,
  how: "destination-out" | "destination-in",
): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = how;
  context.imageSmoothingQuality = "high";
  context.setTransform(pictureToCanvas);
  context.drawImage(shape, region.x, region.y);
  return canvas;
}

/** A dark edge, the pencil's line, and a light that runs along it. */
function pencilMarks(d: string): SVGElement[] {
  return [
    svg("path", { class: "pencil is-casing", d }),
    svg("path", { class: "pencil", pathLength: 1, d }),
    svg("path", { class: "pencil is-moving", d }),
  ];
}

function boxMarks([x0, y0, x1, y1]: SamBox, isDrawn: boolean): SVGElement[] {
  const size = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
  const kind = isDrawn ? "box is-drawn" : "box";
  return [svg("rect", { class: "box is-casing", ...size }), svg("rect", { class: kind, ...size })];
}
