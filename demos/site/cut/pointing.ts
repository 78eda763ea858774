// How a visitor points: with a mouse (left, right, drag), a finger (the chosen tool says what it does) or the keys.
import type { SamBox } from "../engine.ts";
import type { Stage } from "./stage.ts";

export type Tool = "add" | "remove" | "box" | "move";

export interface PointEvents {
  readonly onPoint: (x: number, y: number, label: 0 | 1) => void;
  readonly onBox: (box: SamBox) => void;
  /** Undefined when the pointer left. */
  readonly onHover: (place: readonly [x: number, y: number] | undefined) => void;
  /** The crosshair stands here now. */
  readonly onCross: (x: number, y: number) => void;
  /** A key that pointing has no use for was pressed; returns whether it did anything. */
  readonly onKey: (key: string) => boolean;
}

/** A mouse that moved less than this many pixels of the page has clicked. */
const CLICK = 5;
const STEP = 6;
const LARGE_STEP = 48;

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class Pointing {
  readonly #stage: Stage;
  readonly #events: PointEvents;
  #tool: Tool = "add";
  #start: { readonly x: number; readonly y: number; readonly place: readonly [number, number] } | undefined;
  /** Whether moving the pressed pointer draws a box. A finger scrolls instead, unless the box is the chosen tool. */
  #draws = false;
  #cross: readonly [number, number] | undefined;
  /** The corner from which the keys draw a box. */
  #corner: readonly [number, number] | undefined;
  /** Size of the picture in pixels. */
  #size: readonly [width: number, height: number] = [1, 1];

  constructor(stage: Stage, events: PointEvents) {
    this.#stage = stage;
    this.#events = events;
    const { element } = stage;
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.#cancel());
    element.addEventListener("pointerleave", () => events.onHover(undefined));
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => this.#hideCross());
  }

  set tool(tool: Tool) {
    this.#tool = tool;
    this.#stage.element.dataset.tool = tool;
  }

  /** Another picture. */
  reset(width: number, height: number): void {
    this.#size = [width, height];
    this.#start = this.#cross = this.#corner = undefined;
  }

  #down(event: PointerEvent): void {
    if (!event.isPrimary) return void this.#cancel(); // a second finger: they zoom
    if ((event.button !== 0 && event.button !== 2) || this.#tool === "move") return;
    this.#hideCross();
    this.#start = { x: event.clientX, y: event.clientY, place: this.#stage.pixelAt(event) };
    this.#draws = event.button === 0 && (event.pointerType !== "touch" || this.#tool === "box");
    if (this.#draws) this.#stage.element.setPointerCapture(event.pointerId);
  }

  #move(event: PointerEvent): void {
    const place = this.#stage.pixelAt(event);
    if (!this.#start) {
      if (this.#tool === "move") return;
      if (event.pointerType === "mouse" || event.pointerType === "pen") this.#events.onHover(place);
      return;
    }
    const far = Math.hypot(event.clientX - this.#start.x, event.clientY - this.#start.y) >= CLICK;
    if (far && this.#draws) this.#stage.drag = boxOf(this.#start.place, place);
    if (far) this.#events.onHover(undefined);
  }

  #up(event: PointerEvent): void {
    if (!event.isPrimary) return;
    const start = this.#start;
    this.#cancel();
    if (!start) return;
    const place = this.#stage.pixelAt(event);
    const far = Math.hypot(event.clientX - start.x, event.clientY - start.y) >= CLICK;
    const box = boxOf(start.place, place);
    if (far) {
      if (this.#draws && box[2] > box[0] && box[3] > box[1]) this.#events.onBox(box);
      return;
    }
    const isOutside = event.button === 2 || event.altKey || this.#tool === "remove";
    this.#events.onPoint(...place, isOutside ? 0 : 1);
  }

  #cancel(): void {
    this.#start = undefined;
    this.#stage.drag = undefined;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    const done = arrow ? this.#walk(arrow, event.shiftKey) : this.#act(event);
    if (done) event.preventDefault();
  }

  #walk([dx, dy]: readonly [number, number], isLarge: boolean): boolean {
    const [width, height] = this.#size;
    const [x, y] = this.#place();
    const step = Math.max(1, Math.round((isLarge ? LARGE_STEP : STEP) * this.#stage.unit));
    const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
    this.#showCross([within(x + dx * step, width), within(y + dy * step, height)]);
    return true;
  }

  #act({ key, shiftKey, altKey }: KeyboardEvent): boolean {
    if (key === "Enter" || key === " ") {
      const place = this.#place();
      this.#showCross(place);
      this.#events.onPoint(...place, shiftKey || altKey ? 0 : 1);
      return true;
    }
    if (key.toLowerCase() === "b") return this.#boxKey();
    if (key === "Escape" && this.#corner) {
      this.#corner = this.#stage.drag = undefined;
      return true;
    }
    return this.#events.onKey(key);
  }

  /** The first B sets a corner, the second the corner opposite. */
  #boxKey(): boolean {
    const place = this.#place();
    const corner = this.#corner;
    this.#corner = corner ? undefined : place;
    this.#stage.drag = undefined;
    this.#showCross(place);
    const box = corner && boxOf(corner, place);
    if (box && box[2] > box[0] && box[3] > box[1]) this.#events.onBox(box);
    return true;
  }

  #place(): readonly [number, number] {
    return this.#cross ?? [Math.floor(this.#size[0] / 2), Math.floor(this.#size[1] / 2)];
  }

  #showCross(place: readonly [number, number]): void {
    this.#cross = place;
    this.#stage.cross = place;
    if (this.#corner) this.#stage.drag = boxOf(this.#corner, place);
    this.#events.onCross(...place);
  }

  /** The place is kept: the keys go on from there. */
  #hideCross(): void {
    this.#stage.cross = undefined;
  }
}

function boxOf([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): SamBox {
  return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
}
